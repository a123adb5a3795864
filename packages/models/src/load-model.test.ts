import { createDevice, createReference, type Device } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import type { ByteSource, Checkpoint } from './checkpoint.ts';
import type { Decoder } from './decoder.ts';
import { llama } from './families/llama.ts';
import { defineFamily } from './family.ts';
import { type HostTensor, writeSafetensors } from './formats/safetensors.ts';
import { type LoadProgress, loadModel } from './load-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { memorySource } from './sources/byte-sources.ts';
import { filesOf } from './sources/file-sets.ts';
import { joinGates, json, llamaOf, checkpoint as tensorsOf } from './testing/checkpoint.ts';
import { named, part } from './weight-sources.ts';

const families = { llama };
const ids = [3, 1, 4, 1, 5];
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A source that notes what is read of it. */
function noted(name: string, bytes: Uint8Array, reads: [number, number][] = []): ByteSource {
  const source = memorySource(bytes, name);
  return {
    ...source,
    async read(start, end, signal) {
      reads.push([start, end]);
      return source.read(start, end, signal);
    },
  };
}

function open(
  tensors: ReadonlyMap<string, HostTensor> = tensorsOf(),
  config: object = json,
  reads: [number, number][] = [],
  more: Readonly<Record<string, unknown>> = {},
): Promise<Checkpoint> {
  const others = Object.entries(more).map(([name, value]) => memorySource(text(value), name));
  const weights = noted('model.safetensors', writeSafetensors(tensors), reads);
  return openCheckpoint(filesOf([memorySource(text(config), 'config.json'), weights, ...others], 'tiny'));
}

/** Tensors in 16 bits, as most files have them. */
function halved(dtype: 'F16' | 'BF16'): Map<string, HostTensor> {
  return new Map([...tensorsOf()].map(([name, tensor]) => [name, { ...tensor, dtype } as HostTensor]));
}

async function logitsOf(device: Device, checkpoint: Checkpoint): Promise<Float32Array> {
  const { model } = await loadModel(device, checkpoint, { families });
  return (model as Decoder).start().step(ids).data();
}

it('makes the model of tensors that are all in memory', async () => {
  const device = createReference();
  const want = await llamaOf(device).start().step(ids).data();
  expect(await logitsOf(device, await open())).toEqual(want);
});

it('reads each byte once, and says how far it is', async () => {
  const reads: [number, number][] = [];
  const progress: LoadProgress[] = [];
  const checkpoint = await open(tensorsOf(), json, reads);
  await loadModel(createReference(), checkpoint, { families, onProgress: (now) => progress.push(now) });
  const sorted = [...reads].sort(([a], [b]) => a - b);
  expect(sorted[0]![0]).toBe(0);
  for (const [n, [start]] of sorted.entries()) if (n > 0) expect(start).toBe(sorted[n - 1]![1]);
  const total = [...checkpoint.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  expect(progress).toHaveLength(checkpoint.tensors.size);
  expect(progress.at(-1)).toMatchObject({ loaded: total, total });
  expect(progress.map(({ loaded }) => loaded)).toEqual(
    progress.map(({ loaded }) => loaded).sort((a, b) => a - b),
  );
});

it('reads a tensor once of which several weights are made', async () => {
  const fused = defineFamily({
    ...llama,
    weights: (config) => (file, wanted) => ({
      ...llama.weights(config)(file, wanted),
      ...named({
        'layers.*.mlp.{gate,up}': (of, layer, which) =>
          part(of(`model.layers.${layer}.mlp.both`), 0, which === 'up' ? 24 : 0, 24),
      })(file, wanted),
    }),
  });
  const tensors = tensorsOf();
  joinGates(tensors);
  const reads: [number, number][] = [];
  const device = createReference();
  const opened = await open(tensors, json, reads);
  // what the other names were made of is not there
  const own = {
    ...fused,
    weights: (config: ReturnType<typeof llama.config>) => withoutMissing(fused.weights(config), opened),
  };
  const { model } = await loadModel(device, opened, { families: { llama: own } });
  expect(await (model as Decoder).start().step(ids).data()).toEqual(
    await llamaOf(device).start().step(ids).data(),
  );
  expect(new Set(reads.map(String)).size).toBe(reads.length);
});

function withoutMissing(
  build: ReturnType<typeof llama.weights>,
  { tensors }: Checkpoint,
): ReturnType<typeof llama.weights> {
  return (file, wanted) => {
    const gone = { files: [], shape: undefined, numbers: () => new Float32Array() };
    return build((name) => (tensors.has(name) ? file(name) : gone), wanted);
  };
}

describe('weights stay in the bits of their file', () => {
  it.each(['F16', 'BF16'] as const)('%s on wasm, and are widened elsewhere', async (dtype) => {
    const wasm = await createDevice('wasm');
    const plain = createReference();
    const want = await logitsOf(plain, await open(halved(dtype)));
    const got = await logitsOf(wasm, await open(halved(dtype)));
    assertClose(got, want);
    const all = [...tensorsOf().values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(plain.memory.liveBytes).toBeGreaterThanOrEqual(all * 4);
    const matrices = [...tensorsOf().values()].filter(({ shape }) => shape.length === 2);
    const halves = matrices.reduce((sum, { data }) => sum + data.length, 0);
    const before = wasm.memory.liveBytes;
    const { model } = await loadModel(wasm, await open(halved(dtype)), { families });
    // of 20 rows of embeddings, eight each
    const filling = (24 - 20) * 16 * 2;
    expect(wasm.memory.liveBytes - before).toBe(all * 4 - halves * 2 + filling);
    model.dispose();
    expect(wasm.memory.liveBytes).toBe(before);
    wasm.dispose();
  });
});

describe('refuses, with nothing left on the device', () => {
  const refusal = async (
    checkpoint: Checkpoint,
    options: Partial<Parameters<typeof loadModel>[2]> = {},
  ): Promise<string> => {
    const device = createReference();
    const error = await loadModel(device, checkpoint, { families, ...options }).then(
      () => 'nothing',
      (thrown: Error) => thrown.message,
    );
    expect(device.memory.buffers).toBe(0);
    return error;
  };

  it('tensors that are missing, unknown, misshapen and no numbers, all at once and unread', async () => {
    const tensors = tensorsOf();
    tensors.delete('model.layers.1.self_attn.k_proj.weight');
    tensors.set('extra', { dtype: 'F32', shape: [1], data: Float32Array.of(0) });
    tensors.set('model.norm.weight', { dtype: 'F32', shape: [4, 4], data: new Float32Array(16) });
    const i32 = { dtype: 'I32', shape: [16], data: new Int32Array(16) } as const;
    tensors.set('model.layers.0.input_layernorm.weight', i32);
    const reads: [number, number][] = [];
    const opened = await open(tensors, json, reads);
    const before = reads.length;
    expect(await refusal(opened)).toMatchInlineSnapshot(`
      "tiny: weights: the tensors are not those of the model
        - "model.layers.1.self_attn.k_proj.weight" is missing, for "layers.1.attention.k" [8, 16]
        - "model.layers.0.input_layernorm.weight" must hold floating-point numbers, it is I32
        - "model.norm.weight" must be [16], it is [4, 4]
        - "extra" is unknown: the model has no such weight
        - the config says hidden_size 16, num_hidden_layers 2"
    `);
    expect(reads.length).toBe(before);
  });

  it('a second copy that is another table', async () => {
    const tensors = tensorsOf();
    const embed = tensors.get('model.embed_tokens.weight')!;
    tensors.set('lm_head.weight', embed);
    const device = createReference();
    expect(await logitsOf(device, await open(tensors))).toEqual(
      await llamaOf(device).start().step(ids).data(),
    );
    const other = (embed.data as Float32Array).map((value) => value + 1);
    tensors.set('lm_head.weight', { dtype: 'F32', shape: embed.shape, data: other });
    expect(await refusal(await open(tensors))).toContain('"lm_head.weight" is unknown');
  });

  it('numbers that are none', async () => {
    const tensors = tensorsOf();
    const norm = Float32Array.from({ length: 16 }, (_, n) => (n === 5 ? Number.NaN : 1));
    tensors.set('model.norm.weight', { dtype: 'F32', shape: [16], data: norm });
    expect(await refusal(await open(tensors))).toBe(
      'tiny: weights: "model.norm.weight" must hold finite numbers, number 5 is NaN',
    );
  });

  it('a model that nobody knows, with those that are known', async () => {
    expect(await refusal(await open(tensorsOf(), { ...json, model_type: 'mamba' }))).toMatchInlineSnapshot(`
      "tiny: config: model_type "mamba" is not known
        - those that are: llama
        - another one is a family of your own: loadModel(device, checkpoint, { families: { ...families, mine: defineFamily({ … }) } })"
    `);
    expect(await refusal(await open(tensorsOf(), [] as never))).toContain('model_type is missing');
    expect(await refusal(await open(tensorsOf(), { ...json, model_type: 'toString' }))).toContain(
      'is not known',
    );
  });

  it('more layers than tensors, without looking at them', async () => {
    expect(await refusal(await open(tensorsOf(), { ...json, num_hidden_layers: 9999 }))).toContain(
      'num_hidden_layers 9999 cannot be: the file has 20 tensors',
    );
  });

  it('a file that breaks off in the middle', async () => {
    const opened = await open();
    let count = 0;
    const broken: Checkpoint = {
      ...opened,
      read: (name, options) =>
        ++count === 7 ? Promise.reject(new Error('the disk is gone')) : opened.read(name, options),
    };
    expect(await refusal(broken)).toBe('the disk is gone');
  });

  it('to go on when it is told to stop: before, and in the middle', async () => {
    const control = new AbortController();
    control.abort(new Error('enough'));
    expect(await refusal(await open(), { signal: control.signal })).toBe('enough');
    const later = new AbortController();
    let seen = 0;
    const message = await refusal(await open(), {
      signal: later.signal,
      onProgress: () => {
        if (++seen === 8) later.abort(new Error('enough'));
      },
    });
    expect(message).toBe('enough');
    expect(seen).toBe(8);
  });
});

it('takes the ends of a text from generation_config.json', async () => {
  const more = { 'generation_config.json': { eos_token_id: [7, 8], bos_token_id: 1 } };
  const opened = await open(tensorsOf(), json, [], more);
  const { ids: special } = await loadModel(createReference(), opened, { families });
  expect(special).toMatchObject({ stop: [7, 8], begin: 1 });
  const wrong = await open(tensorsOf(), json, [], { 'generation_config.json': { eos_token_id: 99 } });
  await expect(loadModel(createReference(), wrong, { families })).rejects.toThrow(
    'generation_config: eos_token_id 99 must be below vocab_size 20',
  );
});
