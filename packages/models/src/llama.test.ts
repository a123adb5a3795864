import { createReference, type Device } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { decoderParameters } from './decoder.ts';
import { readLlama2c } from './formats/llama2c.ts';
import type { HostTensor } from './formats/safetensors.ts';
import { createLlama, type LlamaConfig, llamaName, llamaParts, readLlamaConfig } from './llama.ts';

const json = {
  model_type: 'llama',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 32,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: [2, 3],
};
const config = readLlamaConfig(json);
const ids = [3, 1, 4, 1, 5, 9, 2, 6];

/** A checkpoint with random values. */
function checkpoint(of = config): Map<string, HostTensor> {
  return new Map(
    Object.entries(decoderParameters(llamaParts(of))).map(([name, shape], i) => {
      const size = shape.reduce((product, axis) => product * axis, 1);
      return [llamaName(name), { dtype: 'F32', shape, data: seededValues(size, i) }];
    }),
  );
}

async function logitsOf(device: Device, tensors: ReadonlyMap<string, HostTensor>): Promise<Float32Array> {
  return createLlama(device, config, tensors).start().step(ids).data();
}

it('reads a config, and fills in what Hugging Face leaves out', () => {
  const { position, ...sizes } = config;
  expect(position).toMatchObject({ name: 'rotary', layout: 'half' });
  expect(sizes).toEqual({
    V: 20,
    E: 16,
    F: 24,
    layers: 2,
    H: 4,
    Hkv: 2,
    D: 4,
    context: 32,
    eps: 1e-5,
    tied: true,
    stopIds: [1, 2, 3],
  });
  const { num_key_value_heads, rms_norm_eps, tie_word_embeddings, ...short } = json;
  expect(readLlamaConfig({ ...short, head_dim: 6 })).toMatchObject({
    Hkv: 4,
    eps: 1e-6,
    tied: false,
    D: 6,
  });
});

it('turns by the scaling that the config names, up to where kept keys stay right', () => {
  const scaled = (rope_parameters: object): LlamaConfig => readLlamaConfig({ ...json, rope_parameters });
  expect(scaled({ rope_type: 'linear', factor: 2 }).position.name).toBe('linear');
  const dynamic = scaled({ rope_type: 'dynamic', factor: 2 });
  expect(dynamic.position.name).toMatch(/dynamic/);
  expect(dynamic.context).toBe(32);
});

it('lists everything that is wrong with a config', () => {
  expect(() =>
    readLlamaConfig({
      ...json,
      model_type: 'gpt2',
      vocab_size: 0,
      hidden_size: '16',
      num_key_value_heads: 3,
      hidden_act: 'relu',
      rms_norm_eps: -1,
      eos_token_id: 'end',
    }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [FormatError: llama config: this is not a Llama that can be run
      - model_type must be "llama", it is "gpt2"
      - hidden_act "relu" is not supported, only "silu"
      - hidden_size must be a whole number ≥ 1, it is "16"
      - num_attention_heads 4 must be a multiple of num_key_value_heads 3
      - vocab_size must be a whole number ≥ 1, it is 0
      - rms_norm_eps must be a number > 0, it is -1
      - eos_token_id must be an id or a list of ids, it is "end"]
  `);
  expect(() => readLlamaConfig({ ...json, rope_scaling: { type: 'spiral' } })).toThrow(
    'is not a known type of scaling',
  );
  expect(() => readLlamaConfig(null)).toThrow('model_type must be "llama", it is undefined');
});

it('reports missing, unknown and misshapen tensors at once, before it uploads any', () => {
  const device = createReference();
  const tensors = checkpoint();
  tensors.delete('model.layers.1.self_attn.k_proj.weight');
  tensors.set('model.layers.2.mlp.up_proj.weight', { dtype: 'F32', shape: [1], data: Float32Array.of(0) });
  tensors.set('model.norm.weight', { dtype: 'F32', shape: [4, 4], data: new Float32Array(16) });
  tensors.set('model.layers.0.input_layernorm.weight', {
    dtype: 'I32',
    shape: [16],
    data: new Int32Array(16),
  });
  expect(() => createLlama(device, config, tensors)).toThrowErrorMatchingInlineSnapshot(`
    [FormatError: weights: the tensors are not those of the model
      - "model.layers.0.input_layernorm.weight" must hold floating-point numbers, it is I32
      - "model.layers.1.self_attn.k_proj.weight" is missing, for "layers.1.attention.k" [8, 16]
      - "model.norm.weight" must be [16], it is [4, 4]
      - "model.layers.2.mlp.up_proj.weight" is unknown: the model has no such weight]
  `);
  expect(device.memory.buffers).toBe(0);
  const renamed = new Map([...checkpoint()].map(([name, values]) => [`other.${name}`, values]));
  expect(() => createLlama(device, config, renamed)).toThrow('and 20 more');
});

it('passes over buffers of old checkpoints, and over a head that is the embedding table', async () => {
  const device = createReference();
  const tensors = checkpoint();
  const want = await logitsOf(device, tensors);
  const embed = tensors.get('model.embed_tokens.weight')!;
  tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', {
    dtype: 'F32',
    shape: [2],
    data: Float32Array.of(1, 0),
  });
  tensors.set('lm_head.weight', embed);
  expect(await logitsOf(device, tensors)).toEqual(want);
  tensors.set('lm_head.weight', { dtype: 'F32', shape: [20, 16], data: seededValues(320, 99) });
  await expect(logitsOf(device, tensors)).rejects.toThrow('"lm_head.weight" is unknown');
});

it('uses a head of its own when the table is not tied', async () => {
  const device = createReference();
  const untied = { ...config, tied: false };
  const tensors = checkpoint(untied);
  const a = await createLlama(device, untied, tensors).start().step(ids).data();
  tensors.set('lm_head.weight', { dtype: 'F32', shape: [20, 16], data: new Float32Array(320) });
  const zero = await createLlama(device, untied, tensors).start().step(ids).data();
  expect(a.some((value) => value !== 0)).toBe(true);
  expect(zero.every((value) => value === 0)).toBe(true);
});

it.each([true, false])('gives the logits of the same model from a llama2.c file (tied: %s)', async (tied) => {
  const device = createReference();
  const own = { ...config, tied };
  const tensors = checkpoint(own);
  const llama2c = readLlama2c(toLlama2c(tensors, tied));
  const { position, stopIds, ...sizes } = own;
  expect(llama2c.config).toMatchObject({ ...sizes, stopIds: [1, 2], position: { layout: 'interleaved' } });
  const want = await createLlama(device, own, tensors).start().step(ids).data();
  const model = createLlama(device, llama2c.config, llama2c.tensors);
  assertClose(await model.start().step(ids).data(), want);
});

it.each([
  ['a cut header', (file: Uint8Array) => file.subarray(0, 20)],
  ['a cut file', (file: Uint8Array) => file.subarray(0, -4)],
  ['a file that is too long', (file: Uint8Array) => Uint8Array.of(...file, 0, 0, 0, 0)],
  ['a later version', (file: Uint8Array) => withWord(file, 0, 0x616b3432)],
  ['a size below 1', (file: Uint8Array) => withWord(file, 2, -3)],
  ['heads that do not divide', (file: Uint8Array) => withWord(file, 3, 5)],
])('refuses a llama2.c file with %s', (_, change) => {
  expect(() => readLlama2c(change(toLlama2c(checkpoint(), true)))).toThrowErrorMatchingSnapshot();
});

function withWord(file: Uint8Array, index: number, word: number): Uint8Array {
  const copy = file.slice();
  new DataView(copy.buffer).setInt32(4 * index, word, true);
  return copy;
}

/** The same model as llama2.c stores it: rows of q and k from halves to pairs, kind by kind. */
function toLlama2c(tensors: ReadonlyMap<string, HostTensor>, tied: boolean): Uint8Array {
  const { E, F, layers, H, Hkv, D, V, context } = config;
  const values: number[] = [];
  const put = (name: string): void => {
    values.push(...(tensors.get(name)!.data as Float32Array));
  };
  const inPairs = (name: string): void => {
    const { data, shape } = tensors.get(name)!;
    for (let row = 0; row < shape[0]!; row++) {
      const [head, place] = [Math.floor(row / D), row % D];
      const from = head * D + (place % 2) * (D / 2) + Math.floor(place / 2);
      values.push(...(data as Float32Array).subarray(from * E, (from + 1) * E));
    }
  };
  const each = (part: string, write = put): void => {
    for (let layer = 0; layer < layers; layer++) write(`model.layers.${layer}.${part}.weight`);
  };
  put('model.embed_tokens.weight');
  each('input_layernorm');
  each('self_attn.q_proj', inPairs);
  each('self_attn.k_proj', inPairs);
  each('self_attn.v_proj');
  each('self_attn.o_proj');
  each('post_attention_layernorm');
  each('mlp.gate_proj');
  each('mlp.down_proj');
  each('mlp.up_proj');
  put('model.norm.weight');
  values.push(...Array(context * D).fill(0.5));
  if (!tied) put('lm_head.weight');
  const header = Int32Array.of(E, F, layers, H, Hkv, tied ? V : -V, context);
  return Uint8Array.of(...new Uint8Array(header.buffer), ...new Uint8Array(Float32Array.from(values).buffer));
}
