import { createDevice, type Device } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/mxfp4.json' with { type: 'json' };
import type { Decoder } from '../decoder.ts';
import { loadModel } from '../load-model.ts';
import { openCheckpoint } from '../open-checkpoint.ts';
import { families } from '../registry.ts';
import { memorySource } from '../sources/byte-sources.ts';
import { valuesOf } from '../testing/formula.ts';
import { type Tensor, writeGguf } from '../testing/gguf.ts';
import { type HostTensor, writeSafetensors } from './safetensors.ts';

/** Bytes of tooling/golden/gguf_blocks.py. */
function randomBytes(count: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

/** The tensors that tooling/golden/mxfp4.py ran. */
function checkpoint(): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, shape] of Object.entries(golden.tensors))
    tensors.set(name, valuesOf(name, shape as number[]));
  for (const [name, { seed, shape }] of Object.entries(golden.packed)) {
    const groups = shape.slice(0, -1);
    const count = groups.reduce((product, size) => product * size, 1);
    tensors.set(`${name}_blocks`, { dtype: 'U8', shape, data: randomBytes(16 * count, seed) });
    const data = randomBytes(count, seed + 1).map((byte) => 121 + (byte & 3));
    tensors.set(`${name}_scales`, { dtype: 'U8', shape: groups, data });
  }
  return tensors;
}

const json = new TextEncoder().encode(JSON.stringify(golden.config));

function opened(tensors: ReadonlyMap<string, HostTensor> = checkpoint()) {
  const files = { 'config.json': json, 'model.safetensors': writeSafetensors(tensors) };
  return openCheckpoint({
    name: 'model',
    names: Object.keys(files),
    open: async (name) => {
      const bytes = files[name as keyof typeof files];
      return bytes && memorySource(bytes, name);
    },
  });
}

async function logitsOf(device: Device, from: Awaited<ReturnType<typeof opened>>): Promise<number[]> {
  const { model } = await loadModel(device, from, { families });
  using session = (model as Decoder).start({ capacity: golden.ids.length });
  const logits = Array.from(await session.forward(golden.ids).data());
  model.dispose();
  return logits;
}

describe(`experts in MXFP4, as ${golden.source} computes them`, () => {
  it.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', async (name) => {
    const device = await createDevice(name);
    const got = await logitsOf(device, await opened());
    expect(got.length).toBe(golden.logits.length);
    assertClose(got, golden.logits, { atol: 2e-4, rtol: 1e-4 });
    device.dispose();
  });

  it('are the same in a GGUF file, rows of gate and up apart', async () => {
    const pairs = await opened();
    const tensors: Tensor[] = [];
    const put = (name: string, shape: readonly number[], bytes: Uint8Array, type: number): void => {
      tensors.push({ name, sizes: [...shape].reverse(), type, bytes });
    };
    for (const name of pairs.tensors.keys()) {
      const tensor = await pairs.read(name);
      const own = nameInGguf(name);
      if ('bytes' in tensor) {
        const [X, rows, columns] = tensor.shape as [number, number, number];
        if (own.includes('down')) put(own, tensor.shape, tensor.bytes, 39);
        else
          for (const [n, which] of ['gate', 'up'].entries())
            put(
              own.replace('gate_up', which),
              [X, rows / 2, columns],
              alternate(tensor.bytes, X * rows, n),
              39,
            );
      } else if (own.includes('gate_up')) {
        const [X, columns] = tensor.shape as [number, number];
        for (const [n, which] of ['gate', 'up'].entries()) {
          const half = (tensor.data as Float32Array).filter((_, i) => i % 2 === n);
          put(own.replace('gate_up', which), [X, columns / 2], new Uint8Array(half.buffer), 0);
        }
      } else put(own, tensor.shape, new Uint8Array((tensor.data as Float32Array).slice().buffer), 0);
    }
    const { config } = golden;
    const counts = {
      vocab_size: config.vocab_size,
      context_length: config.max_position_embeddings,
      embedding_length: config.hidden_size,
      feed_forward_length: config.intermediate_size,
      block_count: config.num_hidden_layers,
      'attention.head_count': config.num_attention_heads,
      'attention.head_count_kv': config.num_key_value_heads,
      'attention.key_length': config.head_dim,
      'attention.sliding_window': config.sliding_window,
      expert_count: config.num_local_experts,
      expert_used_count: config.num_experts_per_tok,
      expert_feed_forward_length: config.intermediate_size,
    };
    const file = writeGguf({
      metadata: [
        ['general.architecture', ['text', 'gpt-oss']],
        ...Object.entries(counts).map(([key, value]) => [`gpt-oss.${key}`, ['u32', value]] as const),
        ['gpt-oss.attention.layer_norm_rms_epsilon', ['f32', config.rms_norm_eps]],
        ['gpt-oss.rope.freq_base', ['f32', config.rope_parameters.rope_theta]],
      ],
      tensors,
    });
    const gguf = await openCheckpoint({
      name: 'gguf',
      main: 'model.gguf',
      names: ['model.gguf'],
      open: async () => memorySource(file, 'model.gguf'),
    });
    const device = await createDevice('reference');
    expect(await logitsOf(device, gguf)).toEqual(await logitsOf(device, pairs));
  });
});

const at = 'model.layers.1.mlp.experts.down_proj';

describe('tensors in MXFP4 that do not go together', () => {
  it.each([
    ['no scales', (all: Map<string, HostTensor>) => all.delete(`${at}_scales`), `"${at}_blocks"`],
    ['no blocks', (all: Map<string, HostTensor>) => all.delete(`${at}_blocks`), `"${at}_scales" is unknown`],
    [
      'fewer scales than blocks',
      (all: Map<string, HostTensor>) =>
        all.set(`${at}_scales`, { dtype: 'U8', shape: [3, 32, 1], data: new Uint8Array(96) }),
      `"${at}_blocks" [3, 64, 1, 16] must have 16 bytes for each number of "${at}_scales" [3, 32, 1]`,
    ],
    [
      'scales of another type',
      (all: Map<string, HostTensor>) =>
        all.set(`${at}_scales`, { dtype: 'I8', shape: [3, 64, 1], data: new Int8Array(192) }),
      `"${at}_scales" is unknown`,
    ],
  ])('%s: the error names them', async (_, change, message) => {
    const tensors = checkpoint();
    change(tensors);
    const device = await createDevice('reference');
    await expect(opened(tensors).then((from) => loadModel(device, from, { families }))).rejects.toThrow(
      message,
    );
    expect(device.memory.liveBytes).toBe(0);
  });
});

function nameInGguf(name: string): string {
  return name
    .replace('model.embed_tokens', 'token_embd')
    .replace('model.norm', 'output_norm')
    .replace('lm_head', 'output')
    .replace('model.layers', 'blk')
    .replace(/self_attn\.([qkv])_proj/, 'attn_$1')
    .replace('self_attn.o_proj', 'attn_output')
    .replace('self_attn.sinks', 'attn_sinks.weight')
    .replace('input_layernorm', 'attn_norm')
    .replace('post_attention_layernorm', 'post_attention_norm')
    .replace('mlp.router', 'ffn_gate_inp')
    .replace(/mlp\.experts\.(\w+)_proj_bias/, 'ffn_$1_exps.bias')
    .replace(/mlp\.experts\.(\w+)_proj_blocks/, 'ffn_$1_exps.weight');
}

/** Every second row. */
function alternate(bytes: Uint8Array, rows: number, first: number): Uint8Array {
  const row = bytes.length / rows;
  return bytes.filter((_, i) => Math.floor(i / row) % 2 === first);
}
