import { json } from '../checkpoint.ts';
import { type Case, type Changes, casesOf, folder } from './case.ts';

type Json = Readonly<Record<string, unknown>>;

const text = JSON.stringify(json);

/** A file that is no `config.json`, or not all of one. */
const files: Changes<string> = {
  'no bytes at all': ['', /config\.json.*not JSON/],
  'half of it': [text.slice(0, text.length / 2), /config\.json.*not JSON/],
  'a comma too many': [text.replace(/}$/, ',}'), /config\.json.*not JSON/],
  'a comment': [text.replace('{', '{ // mine\n'), /config\.json.*not JSON/],
  'single quotes': [text.replaceAll('"', "'"), /config\.json.*not JSON/],
  'a NaN, as Python writes it': [text.replace('{', '{"rope_theta": NaN,'), /config\.json.*not JSON/],
  'an infinity, as Python writes it': [
    text.replace('{', '{"rms_norm_eps": Infinity,'),
    /config\.json.*not JSON/,
  ],
  'a byte order mark': [`\ufeff${text}`, /byte order mark/],
  'two of them': [text + text, /config\.json.*not JSON/],
  'a NUL behind it': [`${text}\0`, /config\.json.*not JSON/],
  'a list': [`[${text}]`, /config/],
  null: ['null', /config/],
  'a number': ['7', /config/],
  'a text': ['"llama"', /config/],
  'an empty object': ['{}', /model_type/],
  'a field twice': [text.replace('{', '{"hidden_size":16,'), /"hidden_size" stands twice/],
  'a field twice, once escaped': [
    text.replace('{', '{"hidden\\u005fsize":32,'),
    /"hidden_size" stands twice/,
  ],
  'fields that every object has': [text.replace('{', '{"__proto__":{"vocab_size":9},'), /"__proto__"/],
  'a number of a thousand digits': [text.replace('{', `{"rope_theta":1${'0'.repeat(1000)},`), /rope_theta/],
  'nested ten thousand deep': [
    text.replace('{', `{"rope_parameters":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)},`),
    /rope|a/,
  ],
  'line ends and spaces': [JSON.stringify(json, null, 4).replaceAll('\n', '\r\n')],
};

/** Values that no size of a model has. */
const noCount = [0, -1, 1.5, '16', true, [16], {}, 1e300, Number.MAX_SAFE_INTEGER];
const noNumber = ['0.00001', true, [1], {}, -1, 0];
const noFlag = ['true', 0, 1, [], {}];

const each = (key: string, values: readonly unknown[], says = new RegExp(key)) =>
  values.map((value) => [`${key} ${JSON.stringify(value)}`, [{ [key]: value }, says]] as const);

const sizes = [
  'vocab_size',
  'hidden_size',
  'intermediate_size',
  'num_hidden_layers',
  'num_attention_heads',
  'num_key_value_heads',
];
const needed = [...sizes.slice(0, 5)];

/** Fields with other values; undefined takes one out. */
const fields: Changes<Json> = {
  ...Object.fromEntries(sizes.flatMap((key) => each(key, noCount))),
  ...Object.fromEntries(needed.flatMap((key) => each(key, [undefined, null]))),
  ...Object.fromEntries(each('head_dim', [0, -4, 1.5, '4', 3, 1e9])),
  ...Object.fromEntries(each('max_position_embeddings', [0, -1, 1.5, '32', {}])),
  ...Object.fromEntries(each('rms_norm_eps', [...noNumber, 1, 1e9])),
  ...Object.fromEntries(each('rope_theta', noNumber)),
  ...Object.fromEntries(each('tie_word_embeddings', noFlag)),
  ...Object.fromEntries(each('attention_bias', noFlag)),
  ...Object.fromEntries(each('mlp_bias', noFlag)),
  ...Object.fromEntries(each('hidden_act', ['nobody', '', 7, ['silu'], {}, 'constructor', 'SiLU'])),
  ...Object.fromEntries(
    each('model_type', [undefined, null, '', 'nobody', 7, 'toString', ['llama'], 'Llama'], /model_type/),
  ),
  ...Object.fromEntries(
    each('architectures', [
      'LlamaForCausalLM',
      {},
      [7],
      ['GPT2LMHeadModel'],
      ['LlamaForSequenceClassification'],
    ]),
  ),
  ...Object.fromEntries(each('eos_token_id', [20, -1, 1.5, '2', [2, 20], [[2]], {}, true])),
  ...Object.fromEntries(each('bos_token_id', [20, -1, '1', 1.5])),
  ...Object.fromEntries(each('is_encoder_decoder', [true, 'no'])),
  ...Object.fromEntries(each('pad_token_id', [20, -2, '0'])),
  ...Object.fromEntries(each('num_local_experts', [4])),
  ...Object.fromEntries(each('sliding_window', [4])),
  ...Object.fromEntries(
    each('quantization_config', [
      { quant_method: 'gptq', bits: 4 },
      { quant_method: 'bitsandbytes', load_in_4bit: true },
      'fp8',
    ]),
  ),
  ...Object.fromEntries(
    each(
      'layer_types',
      [['full_attention'], 'full_attention', ['linear_attention', 'full_attention'], [1, 2]],
      /layer_types/,
    ),
  ),
  ...Object.fromEntries(each('use_sliding_windows', [true])),
  'three heads, of which 16 is no multiple': [
    { num_attention_heads: 3, num_key_value_heads: 3 },
    /hidden_size 16 must be a multiple of num_attention_heads 3/,
  ],
  'three key and value heads for four': [
    { num_key_value_heads: 3 },
    /num_attention_heads 4 must be a multiple of num_key_value_heads 3/,
  ],
  'more key and value heads than heads': [{ num_key_value_heads: 8 }, /num_key_value_heads 8/],
  'heads of an odd width': [{ hidden_size: 12, head_dim: 3 }, /head_dim|rotary|even|must be/],
  'heads wider than the width': [{ head_dim: 6 }, /q_proj\.weight" must be \[24, 16\], it is \[16, 16\]/],
  'half of the width': [
    { hidden_size: 8 },
    /must be \[20, 8\], it is \[20, 16\][\s\S]*the config says .*hidden_size 8/,
  ],
  'a layer more': [{ num_hidden_layers: 3 }, /"model\.layers\.2\..*" is missing[\s\S]*num_hidden_layers 3/],
  'a layer fewer': [{ num_hidden_layers: 1 }, /"model\.layers\.1\..*" is unknown/],
  'a vocabulary of 21': [
    { vocab_size: 21 },
    /embed_tokens\.weight" must be \[21, 16\], it is \[20, 16\][\s\S]*vocab_size 21/,
  ],
  'a vocabulary of 19': [{ vocab_size: 19 }, /embed_tokens\.weight" must be \[19, 16\], it is \[20, 16\]/],
  'a table that is not tied': [
    { tie_word_embeddings: false },
    /"lm_head\.weight" is missing[\s\S]*tie_word_embeddings false/,
  ],
  'biases that are not there': [{ attention_bias: true }, /q_proj\.bias" is missing/],
  'biases of the feed-forward that are not there': [{ mlp_bias: true }, /up_proj\.bias" is missing/],
  'another family with the same names': [{ model_type: 'qwen2' }, /q_proj\.bias" is missing|missing/],
  'another family with other names': [{ model_type: 'gpt2' }, /n_embd/],
  'an encoder': [{ model_type: 'bert' }, /bert|missing|type_vocab_size/],
  'two rotations that differ': [
    { rope_theta: 5000, rope_parameters: { rope_type: 'default', rope_theta: 10_000 } },
    /rope_theta/,
  ],
};

const scaling = (value: unknown): Json => ({ rope_scaling: value });
const named = (value: Json, says: RegExp) => [JSON.stringify(value), [scaling(value), says]] as const;
const llama3 = {
  rope_type: 'llama3',
  factor: 4,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 16,
};
const long = {
  rope_type: 'longrope',
  short_factor: [1, 1],
  long_factor: [2, 2],
  original_max_position_embeddings: 16,
};

/** How queries and keys turn. */
const rotations: Changes<Json> = {
  'a text': [scaling('linear'), /rope/],
  'a list': [scaling([]), /rope/],
  'a number': [scaling(2), /rope/],
  'an empty object': [scaling({})],
  plain: [scaling({ rope_type: 'default' })],
  ...Object.fromEntries([
    named({ rope_type: 'nobody', factor: 2 }, /nobody/),
    named({ rope_type: 'constructor', factor: 2 }, /constructor/),
    named({ rope_type: 7, factor: 2 }, /rope_type|7/),
    named({ rope_type: null, factor: 2 }, /rope|type|factor/),
    named({ rope_type: 'linear' }, /factor/),
    ...[0, -2, '2', null, [2]].map((factor) => named({ rope_type: 'linear', factor }, /factor/)),
    named({ rope_type: 'dynamic' }, /factor/),
    named({ rope_type: 'dynamic', factor: -1 }, /factor/),
    named({ rope_type: 'yarn' }, /factor/),
    named({ rope_type: 'yarn', factor: 4, beta_fast: -1 }, /beta_fast/),
    named({ rope_type: 'yarn', factor: 4, beta_fast: 1, beta_slow: 32 }, /beta/),
    named(
      { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 0 },
      /original_max_position_embeddings|original/,
    ),
    named({ rope_type: 'yarn', factor: 4, original_max_position_embeddings: '16' }, /original/),
    named({ rope_type: 'yarn', factor: 4, attention_factor: -1 }, /attention_factor|attentionFactor/),
    ...Object.keys(llama3)
      .slice(1, 4)
      .map((key) =>
        named({ ...llama3, [key]: undefined }, new RegExp(key.replace('_max_position_embeddings', ''))),
      ),
    named({ ...llama3, low_freq_factor: 4, high_freq_factor: 1 }, /freq|factor/i),
    named({ ...llama3, low_freq_factor: 0 }, /low|freq|factor/i),
    named({ ...long, short_factor: [1] }, /short/i),
    named({ ...long, long_factor: [1, 2, 3] }, /long/i),
    named({ ...long, short_factor: undefined }, /short/i),
    named({ ...long, long_factor: 'x' }, /long/i),
    named({ ...long, long_factor: [0, 1] }, /long/i),
    named({ ...long, short_factor: [-1, 1] }, /short/i),
    named({ ...long, short_factor: ['1', '1'] }, /short/i),
  ]),
  'rope parameters that are a text': [{ rope_parameters: 'default' }, /rope_parameters/],
  'rope parameters that are a list': [{ rope_parameters: [] }, /rope_parameters/],
  'a base of a negative number': [
    { rope_parameters: { rope_type: 'default', rope_theta: -1 } },
    /rope_theta/,
  ],
  'a base that is a text': [{ rope_parameters: { rope_type: 'default', rope_theta: '10000' } }, /rope_theta/],
  'all of a head and more turns': [{ partial_rotary_factor: 1.5 }, /partial_rotary_factor/],
  'a negative part turns': [{ partial_rotary_factor: -0.5 }, /partial_rotary_factor/],
  'a part that is a text': [{ partial_rotary_factor: '1' }, /partial_rotary_factor/],
  'a part of an odd width': [{ partial_rotary_factor: 0.75 }, /partial_rotary_factor|rotary|even/],
  'linear, by the name of old': [scaling({ type: 'linear', factor: 2 })],
  'squeezed rather than stretched': [scaling({ rope_type: 'linear', factor: 0.5 })],
  dynamic: [scaling({ rope_type: 'dynamic', factor: 2 })],
  yarn: [scaling({ rope_type: 'yarn', factor: 2, original_max_position_embeddings: 16 })],
  'as Llama 3': [scaling(llama3)],
};

/** Odd, and yet a model. */
const odd: Changes<Json> = {
  'the name of its architecture': [{ architectures: ['LlamaForCausalLM'] }],
  'what has no effect': [
    { use_cache: false, torch_dtype: 'float16', transformers_version: '4.0.0', _name_or_path: '../../etc' },
  ],
  'null for what has a default': [
    { hidden_act: null, rope_scaling: null, quantization_config: null, head_dim: null, sliding_window: null },
  ],
  'no end': [{ eos_token_id: null }],
  'an end in a list': [{ eos_token_id: [2] }],
  'padding of −1': [{ pad_token_id: -1 }],
  'no key and value heads, which are all': [
    { num_key_value_heads: undefined, num_attention_heads: 4 },
    /k_proj\.weight" must be \[16, 16\]/,
  ],
  'a whole number as a fraction': [{ hidden_size: 16.0, num_hidden_layers: 2.0 }],
  'a context of a million': [{ max_position_embeddings: 2 ** 20 }],
  'a context of one': [{ max_position_embeddings: 1 }],
  'the base of others': [{ rope_theta: 1e6 }],
  'one way of computing what others compute in two': [{ pretraining_tp: 2 }],
  'twice the heads of half the width': [{ num_attention_heads: 8, num_key_value_heads: 4 }],
  'all layers of one type': [{ layer_types: ['full_attention', 'full_attention'] }],
  'dtype in both forms': [{ torch_dtype: 'bfloat16', dtype: 'bfloat16' }],
};

/** Of `generation_config.json`. */
const generation: Changes<string> = {
  'no JSON': ['{', /generation_config\.json.*not JSON/],
  'an end beyond the vocabulary': [
    '{"eos_token_id": 20}',
    /generation_config.*eos_token_id 20 must be below vocab_size 20/,
  ],
  'an end that is a text': ['{"eos_token_id": "2"}', /generation_config.*eos_token_id/],
  'an end below zero': ['{"eos_token_id": [-1]}', /generation_config.*eos_token_id/],
  'a field twice': ['{"eos_token_id": 2, "eos_token_id": 3}', /"eos_token_id" stands twice/],
  'an empty object': ['{}'],
  'how to draw': ['{"temperature": 0.6, "top_p": 0.9, "do_sample": true, "eos_token_id": [2, 3]}'],
};

/** Of `config.json` and `generation_config.json`. */
export function configCases(): Case[] {
  const of = (change: Json) => ({ files: folder({ 'config.json': { ...json, ...change } }) });
  return [
    ...casesOf('config.json', files, (content) => ({ files: folder({ 'config.json': content }) })),
    ...casesOf('config.json', fields, of),
    ...casesOf('a rotation', rotations, of),
    ...casesOf('config.json with', odd, of),
    ...casesOf('generation_config.json', generation, (content) => ({
      files: folder({ 'generation_config.json': content }),
    })),
  ];
}
