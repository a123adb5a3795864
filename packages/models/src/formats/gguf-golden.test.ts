import { createDevice } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import type { Decoder } from '../decoder.ts';
import { loadModel } from '../load-model.ts';
import { families } from '../registry.ts';
import { memorySource } from '../sources/byte-sources.ts';
import { bytesOf, jsonOf, sharedFolder } from '../testing/shared.ts';
import { readGguf } from './gguf.ts';
import { ggufCheckpoint } from './gguf-checkpoint.ts';
import { fileTensor, numbersOf } from './host-tensor.ts';
import { readSafetensors } from './safetensors.ts';

interface GoldenTensor {
  readonly name: string;
  readonly type: string;
  readonly shape: number[];
  readonly bytes: number;
  readonly offset: number;
  readonly absmax: number;
  readonly mean: number;
  readonly first8: number[];
  readonly last4: number[];
}
interface Golden {
  readonly files: Readonly<Record<string, { readonly size: number; readonly tensors: GoldenTensor[] }>>;
  readonly tolerance: {
    readonly dequantized: { readonly atol: number; readonly rtol: number };
    readonly logits: { readonly atol: number; readonly rtol: number };
  };
}

/** Fields of a config.json that say nothing about what is computed, or that a GGUF file leaves to their defaults. */
const silent =
  /^(architectures|transformers_version|dtype|use_cache|initializer_range|pretraining_tp|head_dim|hidden_act|layer_types|.*window.*|.*dropout.*|.*pdrop|summary.*|add_cross_attention|reorder.*|scale_attn.*|activation_function)$/;

describe.each(['gguf_llama-a', 'gguf_llamaK-a', 'gguf_qwen2-a', 'gguf_gpt2-a'])('%s', (model) => {
  const folder = sharedFolder(`conformance/models/tiny/${model}`);
  const golden = folder && jsonOf<Golden>(folder, 'golden.json');
  const names = golden ? Object.keys(golden.files) : ['model.gguf'];

  it.skipIf(!folder).each(names)('%s: every number is what gguf-py makes of it', async (name) => {
    const file = bytesOf(folder!, name);
    const read = await readGguf(memorySource(file));
    const { size, tensors } = golden!.files[name]!;
    expect(file.length).toBe(size);
    expect([...read.tensors.keys()]).toEqual(tensors.map((tensor) => tensor.name));
    for (const want of tensors) {
      const { dtype, shape, start, bytes } = read.tensors.get(want.name)!;
      expect({ dtype, shape, start, bytes }, want.name).toEqual({
        dtype: want.type,
        shape: want.shape,
        start: want.offset,
        bytes: want.bytes,
      });
      const numbers = Array.from(
        numbersOf(fileTensor(want.name, dtype, shape, file.subarray(start, start + bytes))),
      );
      expect(numbers.slice(0, 8)).toEqual(want.first8);
      expect(numbers.slice(-4)).toEqual(want.last4);
      expect(Math.max(...numbers.map(Math.abs))).toBe(want.absmax);
      const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
      assertClose([mean], [want.mean], golden!.tolerance.dequantized);
    }
  });

  it.skipIf(!folder).each(names)('%s: its metadata is the config of Hugging Face', async (name) => {
    const { config } = await ggufCheckpoint([memorySource(bytesOf(folder!, name))]);
    const want = jsonOf<Record<string, unknown>>(folder!, 'config.json');
    for (const [key, value] of Object.entries(want)) {
      if (silent.test(key) || value === null) continue;
      const got = (config as Record<string, unknown>)[key] ?? (key.endsWith('_bias') ? false : undefined);
      expect([got].flat(), key).toEqual([value].flat());
    }
  });

  // a family that is not there is tested where it is
  const known = Object.hasOwn(families, model.replace(/^gguf_(.+?)K?-a$/, '$1'));
  const runs = names.flatMap((name) => ['reference', 'wasm', 'gpujs:webasm'].map((device) => [name, device]));
  it.skipIf(!folder || !known).each(runs)('%s on %s: the logits of transformers', async (name, device) => {
    const opened = await createDevice(device!);
    const checkpoint = await ggufCheckpoint([memorySource(bytesOf(folder!, name!))]);
    const { model: decoder } = await loadModel(opened, checkpoint, { families });
    const { tensors } = readSafetensors(bytesOf(folder!, 'golden.safetensors'));
    const ids = Array.from(numbersOf(tensors.get('input.ids')!), Number);
    const want = numbersOf(tensors.get(`logits.${name!.replace(/^model-(.+)\.gguf$/, '$1')}`)!);
    const width = tensors.get('input.ids')!.shape.at(-1)!;
    using session = (decoder as Decoder).start({ capacity: width });
    const logits = await session.forward(ids.slice(0, width)).data();
    assertClose(logits, Array.from(want).slice(0, logits.length), golden!.tolerance.logits);
    opened.dispose();
  });
});
