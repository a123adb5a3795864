import { createReference, type Device } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { FormatError } from './errors.ts';
import { readLlama2c } from './formats/llama2c.ts';
import type { HostTensor } from './formats/safetensors.ts';
import { createLlama, type LlamaConfig, readLlamaConfig } from './llama.ts';
import { checkpoint, config, json, toLlama2c } from './testing/checkpoint.ts';

const ids = [3, 1, 4, 1, 5, 9, 2, 6];

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

const wrong: readonly [string, object, string][] = [
  [
    'an architecture of another kind',
    { architectures: ['GPT2LMHeadModel'] },
    'architectures ["GPT2LMHeadModel"] contradicts model_type "llama", which is LlamaForCausalLM',
  ],
  [
    'two architectures',
    { architectures: ['LlamaForCausalLM', 'MistralForCausalLM'] },
    'architectures ["LlamaForCausalLM","MistralForCausalLM"] contradicts',
  ],
  [
    'an architecture that is no list',
    { architectures: 'LlamaForCausalLM' },
    'architectures must be a list of names, it is "LlamaForCausalLM"',
  ],
  ['an end outside the vocabulary', { eos_token_id: 20 }, 'eos_token_id 20 must be below vocab_size 20'],
  [
    'one of several ends outside',
    { eos_token_id: [2, 128_001] },
    'eos_token_id 128001 must be below vocab_size 20',
  ],
  ['a beginning outside', { bos_token_id: 50_256 }, 'bos_token_id 50256 must be below vocab_size 20'],
  ['a negative end', { eos_token_id: -1 }, 'eos_token_id must be an id or a list of ids, it is -1'],
  [
    'layers beyond count',
    { num_hidden_layers: 1e9 },
    'num_hidden_layers must be at most 10000, it is 1000000000',
  ],
  [
    'layers beyond numbers',
    { num_hidden_layers: 1e300 },
    'num_hidden_layers must be a whole number ≥ 1, it is 1e+300',
  ],
  ['no layers', { num_hidden_layers: 0 }, 'num_hidden_layers must be a whole number ≥ 1, it is 0'],
  ['negative heads', { num_attention_heads: -4 }, 'num_attention_heads must be a whole number ≥ 1, it is -4'],
  ['no key heads', { num_key_value_heads: 0 }, 'num_key_value_heads must be a whole number ≥ 1, it is 0'],
  ['a width of zero', { hidden_size: 0 }, 'hidden_size must be a whole number ≥ 1, it is 0'],
  ['a head of zero', { head_dim: 0 }, 'head_dim must be a whole number ≥ 1, it is 0'],
  [
    'a head whose angles would take for ever',
    { head_dim: 2 ** 53 - 2 },
    'head_dim must be at most 16777216, it is 9007199254740990',
  ],
  ['an odd head', { head_dim: 5 }, 'head_dim 5 must be even, since its numbers turn in pairs'],
  ['an odd head that follows', { hidden_size: 20 }, 'hidden_size 20 / num_attention_heads 4 must be even'],
  [
    'heads that do not divide',
    { hidden_size: 18 },
    'hidden_size 18 must be a multiple of num_attention_heads 4, where there is no head_dim',
  ],
  [
    'a negative inner width',
    { intermediate_size: -1 },
    'intermediate_size must be a whole number ≥ 1, it is -1',
  ],
  [
    'a vocabulary beyond count',
    { vocab_size: 2 ** 25 },
    'vocab_size must be at most 16777216, it is 33554432',
  ],
  [
    'no positions',
    { max_position_embeddings: 0 },
    'max_position_embeddings must be a whole number ≥ 1, it is 0',
  ],
  ['an epsilon of zero', { rms_norm_eps: 0 }, 'rms_norm_eps must be a number > 0, it is 0'],
  [
    'a table tied by a word',
    { tie_word_embeddings: 'yes' },
    'tie_word_embeddings must be true or false, it is "yes"',
  ],
  ['a base below zero', { rope_theta: -1 }, 'rope_theta must be a finite number > 0, got -1'],
  ['a number that is none in JSON', { vocab_size: 20n }, 'vocab_size must be a whole number ≥ 1, it is 20'],
];

it.each(wrong)('refuses %s by the name of the field, at once', (_, change, message) => {
  const { problems } = readProblems({ ...json, ...change });
  expect(problems.join('\n')).toContain(message);
  expect(problems.join('\n')).not.toMatch(/\b(Hkv|H|D|E|F|V|B|L) [=≥]/);
});

function readProblems(value: object): FormatError {
  try {
    readLlamaConfig(value);
  } catch (error) {
    if (FormatError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('it was taken');
}

it('takes the file itself, strictly', () => {
  const text = JSON.stringify({ ...json, architectures: ['LlamaForCausalLM'] });
  expect(readLlamaConfig(text)).toMatchObject({ V: 20, layers: 2 });
  expect(readLlamaConfig(new TextEncoder().encode(text))).toMatchObject({ V: 20, layers: 2 });
  expect(() => readLlamaConfig(`\ufeff${text}`)).toThrow(
    'llama config: it begins with a byte order mark; save it as UTF-8 without one',
  );
  expect(() => readLlamaConfig(new TextEncoder().encode(`\ufeff${text}`))).toThrow('a byte order mark');
  expect(() => readLlamaConfig(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow('llama config: it is not UTF-8');
  expect(() => readLlamaConfig(text.replace('{', '{"vocab_size":9,'))).toThrow(
    'llama config: "vocab_size" stands twice in one object',
  );
  expect(() => readLlamaConfig('{"a":')).toThrow(/^llama config: not JSON: /);
});

it('takes no field that every object inherits, and no positions of another part', () => {
  const inherited = Object.create({ ...json });
  expect(readProblems(inherited).problems[0]).toBe('model_type must be "llama", it is undefined');
  const other = { ...json, text_config: { model_type: 'llama', num_hidden_layers: 1e9 } };
  expect(readLlamaConfig(other).position).toMatchObject({ name: 'rotary' });
});

it('refuses more layers than the file has tensors before it looks at one of them', () => {
  const many = { ...config, layers: 5_000_000 };
  expect(() => createLlama(createReference(), many, checkpoint())).toThrow(
    'weights: num_hidden_layers 5000000 cannot be: the file has 20 tensors, and a layer has nine',
  );
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
  ['a vocabulary without its ends', (file: Uint8Array) => withWord(file, 5, 2)],
  ['a context of zero', (file: Uint8Array) => withWord(file, 6, 0)],
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
