import { createReference } from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { type ReadConfig, readConfig } from '../family.ts';
import { swish } from '../parts/activations.ts';
import { checkpoint, json, llamaOf } from '../testing/checkpoint.ts';
import { checkFamily } from '../testing/family.ts';
import { llama } from './llama.ts';

checkFamily(llama, 'llama-a', 'llama-c');

const read = (config: unknown): ReadConfig<ReturnType<typeof llama.config>> => readConfig(llama, config);
const ids = [3, 1, 4, 1, 5, 9, 2, 6];

describe('its config', () => {
  it('is read, and what Hugging Face leaves out is filled in', () => {
    const { config, ids: special } = read(json);
    const { positions, ...sizes } = config;
    expect(positions[0]).toMatchObject({ name: 'rotary', layout: 'half' });
    expect(sizes).toEqual({
      shape: { V: 20, E: 16, H: 4, D: 4, layers: 2 },
      F: 24,
      Hkv: 2,
      activation: swish,
      mlpBias: false,
      context: 32,
      eps: 1e-5,
      tied: true,
    });
    expect(special).toMatchObject({ begin: 1, stop: [2, 3], pad: undefined });
    const { num_key_value_heads, rms_norm_eps, tie_word_embeddings, ...short } = json;
    expect(read({ ...short, head_dim: 6 }).config).toMatchObject({
      Hkv: 4,
      eps: 1e-6,
      tied: false,
      shape: { D: 6 },
    });
  });

  it('turns by the scaling that it names; dynamic NTK begins where the positions of the file end', () => {
    const scaled = (rope_parameters: object) => read({ ...json, rope_parameters }).config;
    expect(scaled({ rope_type: 'linear', factor: 2 }).positions[0]!.name).toBe('linear');
    const dynamic = scaled({ rope_type: 'dynamic', factor: 2 });
    expect(dynamic.positions[0]!.name).toMatch(/dynamic/);
    expect(dynamic.context).toBe(Infinity);
  });

  it('is refused with everything that is wrong with it', () => {
    expect(() =>
      read({
        ...json,
        vocab_size: 0,
        hidden_size: '16',
        num_key_value_heads: 3,
        hidden_act: 'snake',
        rms_norm_eps: -1,
        eos_token_id: 'end',
        sliding_window: 8,
      }),
    ).toThrowErrorMatchingInlineSnapshot(`
      [FormatError: llama config: this is no Llama that can be run
        - hidden_size must be a whole number ≥ 1, it is "16"
        - num_attention_heads 4 must be a multiple of num_key_value_heads 3
        - vocab_size must be a whole number ≥ 1, it is 0
        - hidden_act must be one of gelu, gelu_python, gelu_new, gelu_fast, gelu_pytorch_tanh, gelu_python_tanh, gelu_accurate, quick_gelu, relu, silu, swish, tanh, sigmoid, linear, relu2, leaky_relu, mish, gelu_10, it is "snake"
        - rms_norm_eps must be a number > 0 and < 1, it is -1
        - "sliding_window" 8 is not understood: the model would be another
        - eos_token_id must be an id or a list of ids, it is "end"]
    `);
    expect(() => read({ ...json, rope_scaling: { type: 'spiral' } })).toThrow(
      'is not a known type of scaling',
    );
    expect(() => read(null)).toThrow('model_type must be "llama", it is undefined');
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
    [
      'negative heads',
      { num_attention_heads: -4 },
      'num_attention_heads must be a whole number ≥ 1, it is -4',
    ],
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
    ['an epsilon of zero', { rms_norm_eps: 0 }, 'rms_norm_eps must be a number > 0 and < 1, it is 0'],
    [
      'a table tied by a word',
      { tie_word_embeddings: 'yes' },
      'tie_word_embeddings must be true or false, it is "yes"',
    ],
    ['a base below zero', { rope_theta: -1 }, 'rope_theta must be a finite number > 0, got -1'],
    ['a number that is none in JSON', { vocab_size: 20n }, 'vocab_size must be a whole number ≥ 1, it is 20'],
  ];

  it.each(wrong)('refuses %s by the name of the field, at once', (_, change, message) => {
    const { problems } = refused({ ...json, ...change });
    expect(problems.join('\n')).toContain(message);
    expect(problems.join('\n')).not.toMatch(/\b(Hkv|H|D|E|F|V|B|L) [=≥]/);
  });

  it('is taken as the file itself, strictly', () => {
    const text = JSON.stringify({ ...json, architectures: ['LlamaForCausalLM'] });
    expect(read(text).config.shape).toMatchObject({ V: 20, layers: 2 });
    expect(read(new TextEncoder().encode(text)).config.shape).toMatchObject({ V: 20, layers: 2 });
    expect(() => read(`\ufeff${text}`)).toThrow(
      'llama config: it begins with a byte order mark; save it as UTF-8 without one',
    );
    expect(() => read(new TextEncoder().encode(`\ufeff${text}`))).toThrow('a byte order mark');
    expect(() => read(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow('llama config: it is not UTF-8');
    expect(() => read(text.replace('{', '{"vocab_size":9,'))).toThrow(
      'llama config: "vocab_size" stands twice in one object',
    );
    expect(() => read('{"a":')).toThrow(/^llama config: not JSON: /);
  });

  it('takes no field that every object inherits', () => {
    const inherited = Object.create({ ...json });
    expect(refused(inherited).problems[0]).toBe('model_type must be "llama", it is undefined');
  });
});

describe('its tensors', () => {
  it('are fewer than its layers: refused before one of them is looked at', () => {
    const many = { ...json, num_hidden_layers: 9_999 };
    expect(() => llamaOf(createReference(), many, checkpoint())).toThrow(
      'weights: num_hidden_layers 9999 cannot be: the file has 20 tensors',
    );
  });

  it('are reported at once where missing, unknown and misshapen, before any is uploaded', () => {
    const device = createReference();
    const tensors = checkpoint();
    tensors.delete('model.layers.1.self_attn.k_proj.weight');
    tensors.set('model.layers.2.mlp.up_proj.weight', {
      dtype: 'F32',
      shape: [1],
      data: Float32Array.of(0),
    });
    tensors.set('model.norm.weight', { dtype: 'F32', shape: [4, 4], data: new Float32Array(16) });
    tensors.set('model.layers.0.input_layernorm.weight', {
      dtype: 'I32',
      shape: [16],
      data: new Int32Array(16),
    });
    expect(() => llamaOf(device, json, tensors)).toThrowErrorMatchingInlineSnapshot(`
      [FormatError: weights: the tensors are not those of the model
        - "model.layers.1.self_attn.k_proj.weight" is missing, for "layers.1.attention.k" [8, 16]
        - "model.layers.0.input_layernorm.weight" must hold floating-point numbers, it is I32
        - "model.norm.weight" must be [16], it is [4, 4]
        - "model.layers.2.mlp.up_proj.weight" is unknown: the model has no such weight]
    `);
    expect(device.memory.buffers).toBe(0);
    const renamed = new Map([...checkpoint()].map(([name, values]) => [`other.${name}`, values]));
    expect(() => llamaOf(device, json, renamed)).toThrow('and 10 more');
  });

  it('may hold buffers of old checkpoints, and a head that is the embedding table', async () => {
    const device = createReference();
    const tensors = checkpoint();
    const logits = async (): Promise<Float32Array> => llamaOf(device, json, tensors).start().step(ids).data();
    const want = await logits();
    const embed = tensors.get('model.embed_tokens.weight')!;
    tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', {
      dtype: 'F32',
      shape: [2],
      data: Float32Array.of(1, 0),
    });
    tensors.set('lm_head.weight', embed);
    expect(await logits()).toEqual(want);
    tensors.set('lm_head.weight', { dtype: 'F32', shape: [20, 16], data: seededValues(320, 99) });
    await expect(logits()).rejects.toThrow('"lm_head.weight" is unknown');
  });

  it('have a head of their own when the table is not tied', async () => {
    const device = createReference();
    const untied = { ...json, tie_word_embeddings: false };
    const tensors = checkpoint(untied);
    const a = await llamaOf(device, untied, tensors).start().step(ids).data();
    tensors.set('lm_head.weight', { dtype: 'F32', shape: [20, 16], data: new Float32Array(320) });
    const zero = await llamaOf(device, untied, tensors).start().step(ids).data();
    expect(a.some((value) => value !== 0)).toBe(true);
    expect(zero.every((value) => value === 0)).toBe(true);
  });
});

function refused(config: object): FormatError {
  try {
    read(config);
  } catch (error) {
    if (FormatError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('it was taken');
}
