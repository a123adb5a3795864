import { createDevice } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { createModel, readConfig } from '../family.ts';
import type { HostTensor } from '../formats/safetensors.ts';
import { crossLayerAttention } from './cross-layer-attention.ts';
import { llama } from './llama.ts';

const [V, E, F, H, D, eps] = [11, 6, 7, 3, 2, 1e-5];
const json = {
  model_type: 'cross_layer_attention',
  architectures: ['CrossLayerAttentionForCausalLM'],
  vocab_size: V,
  hidden_size: E,
  intermediate_size: F,
  num_hidden_layers: 4,
  num_attention_heads: H,
  num_key_value_heads: 1,
  head_dim: D,
  max_position_embeddings: 32,
  rms_norm_eps: eps,
  rope_theta: 100,
};
const ids = [1, 4, 9, 4, 0, 10];
const devices = ['reference', 'wasm', 'gpujs:webasm'];

/** A checkpoint with random values, for layers with these producers. */
function checkpoint(producers: readonly number[], kvNorm = false): Map<string, HostTensor> {
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [V, E],
    'model.norm.weight': [E],
    'lm_head.weight': [V, E],
  };
  producers.forEach((producer, layer) => {
    const put = (name: string, shape: number[]): void => {
      shapes[`model.layers.${layer}.${name}.weight`] = shape;
    };
    put('input_layernorm', [E]);
    put('self_attn.q_proj', [H * D, E]);
    if (producer === layer) {
      put('self_attn.k_proj', [D, E]);
      put('self_attn.v_proj', [D, E]);
      if (kvNorm) put('self_attn.kv_norm', [E]);
    }
    put('self_attn.o_proj', [E, H * D]);
    put('post_attention_layernorm', [E]);
    put('mlp.gate_proj', [F, E]);
    put('mlp.up_proj', [F, E]);
    put('mlp.down_proj', [E, F]);
  });
  return new Map(
    Object.entries(shapes).map(([name, shape], i) => {
      const size = shape.reduce((product, axis) => product * axis, 1);
      return [name, { dtype: 'F32' as const, shape, data: seededValues(size, i) }];
    }),
  );
}

type Row = readonly number[];

const dot = (a: Row, b: Row): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const plus = (a: Row, b: Row): Row => a.map((x, i) => x + b[i]!);
const silu = (x: number): number => x / (1 + Math.exp(-x));

/** Logits `[L, V]` by plain loops over tokens, straight from the formulas. */
function expected(tensors: ReadonlyMap<string, HostTensor>, producers: Row, kvNorm: boolean): number[] {
  const rows = (name: string): Row[] => {
    const { data, shape } = tensors.get(`${name}.weight`)!;
    const I = shape.at(-1)!;
    return Array.from({ length: data.length / I }, (_, o) =>
      Array.from((data as Float32Array).subarray(o * I, (o + 1) * I)),
    );
  };
  const times = (name: string, x: Row): Row => rows(name).map((row) => dot(row, x));
  const norm = (name: string, x: Row): Row => {
    const [gain] = rows(name);
    const size = Math.sqrt(dot(x, x) / E + eps);
    return x.map((value, i) => (value / size) * gain![i]!);
  };
  // one pair of D = 2 numbers turns by one radian a position
  const turn = ([a, b]: Row, p: number): Row => [
    a! * Math.cos(p) - b! * Math.sin(p),
    a! * Math.sin(p) + b! * Math.cos(p),
  ];
  const [kept, values]: [Row[][], Row[][]] = [[], []];
  let x = ids.map((id) => rows('model.embed_tokens')[id]!);
  producers.forEach((producer, layer) => {
    const at = (name: string): string => `model.layers.${layer}.${name}`;
    if (producer === layer) {
      const read = x.map((row) => norm(at(kvNorm ? 'self_attn.kv_norm' : 'input_layernorm'), row));
      kept[layer] = read.map((row, p) => turn(times(at('self_attn.k_proj'), row), p));
      values[layer] = read.map((row) => times(at('self_attn.v_proj'), row));
    }
    const [k, v] = [kept[producer]!, values[producer]!];
    const attended = x.map((row, p) => {
      const q = times(at('self_attn.q_proj'), norm(at('input_layernorm'), row));
      const heads = Array.from({ length: H }, (_, h) => {
        const query = turn(q.slice(h * D, (h + 1) * D), p);
        const weights = k.slice(0, p + 1).map((key) => Math.exp(dot(query, key) / Math.sqrt(D)));
        const sum = weights.reduce((a, b) => a + b, 0);
        return Array.from({ length: D }, (_, d) => weights.reduce((y, w, j) => y + (w / sum) * v[j]![d]!, 0));
      });
      return times(at('self_attn.o_proj'), heads.flat());
    });
    x = x.map((row, p) => plus(row, attended[p]!));
    x = x.map((row) => {
      const read = norm(at('post_attention_layernorm'), row);
      const up = times(at('mlp.up_proj'), read);
      const inner = times(at('mlp.gate_proj'), read).map((value, f) => silu(value) * up[f]!);
      return plus(row, times(at('mlp.down_proj'), inner));
    });
  });
  return x.flatMap((row) => [...times('lm_head', norm('model.norm', row))]);
}

async function logitsOf(device: string, config: object, tensors: ReadonlyMap<string, HostTensor>) {
  const { kind, model } = createModel(await createDevice(device), crossLayerAttention, config, tensors);
  if (kind !== 'decoder') throw new Error('no decoder');
  using session = model.start({ capacity: 8 });
  // the last two one by one, from the caches
  const all: number[] = [];
  for (const part of [ids.slice(0, 4), ids.slice(4, 5), ids.slice(5)])
    all.push(...(await session.forward(part).data()));
  return all;
}

describe.each([
  ['factor 2', {}, [0, 0, 2, 2], false],
  ['factor 3', { kv_sharing_factor: 3 }, [0, 1, 1, 1], false],
  ['the ends of their own', { kv_sharing_pattern: 'keep-ends' }, [0, 1, 1, 3], false],
  ['producers by name', { kv_producers: [0, 1, 0, 1] }, [0, 1, 0, 1], false],
  ['a gain for keys and values', { kv_norm: true }, [0, 0, 2, 2], true],
] as const)('%s', (_, said, producers, kvNorm) => {
  it.each(devices)('equals the formulas on %s', async (device) => {
    const tensors = checkpoint(producers, kvNorm);
    const got = await logitsOf(device, { ...json, ...said }, tensors);
    assertClose(got, expected(tensors, producers, kvNorm), { atol: 1e-5, rtol: 1e-4 });
  });

  it('keeps the keys and values of producers alone', () => {
    const { model } = readConfig(crossLayerAttention, { ...json, ...said });
    if (model.kind !== 'decoder') throw new Error('no decoder');
    const { shape, blocks } = model.parts;
    const kinds = producers.map((_, layer) => {
      const one = typeof blocks === 'function' ? blocks(layer) : blocks;
      return one.parts[0]!.states(shape, layer)[`${layer}.self`]!.kind;
    });
    expect(kinds).toEqual(producers.map((producer, layer) => (producer === layer ? 'full' : 'shared')));
  });
});

it('is a Llama where nothing is shared', async () => {
  const tensors = checkpoint([0, 1, 2, 3]);
  const shared = await logitsOf('reference', { ...json, kv_sharing_factor: 1 }, tensors);
  const config = { ...json, model_type: 'llama', architectures: ['LlamaForCausalLM'] };
  const { kind, model } = createModel(await createDevice('reference'), llama, config, tensors);
  if (kind !== 'decoder') throw new Error('no decoder');
  using session = model.start({ capacity: 8 });
  assertClose(shared, await session.forward(ids).data(), { atol: 1e-6, rtol: 1e-6 });
});

it.each([
  [{ kv_sharing_factor: 5 }, 'factor must be at most the 4 layers of the model'],
  [{ kv_producers: [0, 0, 1, 2] }, 'has no keys and values of its own: it reads layer 0'],
  [{ kv_producers: [0, 0] }, 'kv_producers must be a list of 4'],
  [{ kv_producers: [0, 0, 2, 2], kv_sharing_factor: 2 }, 'kv_producers says which layers share'],
  [{ kv_sharing_pattern: 'zigzag' }, 'kv_sharing_pattern must be one of uniform, keep-ends'],
])('refuses %j', (said, message) => {
  expect(() => readConfig(crossLayerAttention, { ...json, ...said })).toThrow(message);
});
