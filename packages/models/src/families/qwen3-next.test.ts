import { describe, expect, it } from 'vitest';
import { decoderSpecs } from '../decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { qwen3Next } from './qwen3-next.ts';

// b: two recurrent heads alike, a feed-forward that is one, shares that do not add up to 1, biases, a tied head
checkFamily(qwen3Next, 'qwen3_next-a', 'qwen3_next-b');

const json = {
  model_type: 'qwen3_next',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 12,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  linear_num_value_heads: 4,
  linear_num_key_heads: 2,
  linear_key_head_dim: 4,
  linear_value_head_dim: 3,
  num_experts: 5,
  num_experts_per_tok: 2,
  moe_intermediate_size: 6,
  shared_expert_intermediate_size: 4,
};
const ids = [1, 7, 3, 19, 7, 2];

describe('Qwen3-Next', () => {
  it('of 4.x is that of 5.x', async () => {
    const old = { ...json, rope_theta: 500, partial_rotary_factor: 0.5, full_attention_interval: 2 };
    const now = {
      ...json,
      rope_parameters: { rope_type: 'default', rope_theta: 500, partial_rotary_factor: 0.5 },
      layer_types: ['linear_attention', 'full_attention', 'linear_attention', 'full_attention'],
    };
    expect(await logitsOfConfig(qwen3Next, old, ids)).toEqual(await logitsOfConfig(qwen3Next, now, ids));
  });

  it('keeps a state that does not grow in three of four layers', () => {
    const { model } = readConfig(qwen3Next, json);
    if (model.kind !== 'decoder') throw new Error('must be a decoder');
    const specs = Object.values(decoderSpecs(model.parts));
    const recurrent = { kind: 'recurrent', rows: {}, cap: 0, constant: { S: [4, 4, 3], tail: [3, 28] } };
    const full = { kind: 'full', rows: { k: [2, 8], v: [2, 8] }, cap: Infinity, constant: {} };
    expect(specs).toEqual([recurrent, recurrent, recurrent, full]);
  });

  it('has one feed-forward where the file says so', () => {
    const denseOf = (said: object) => readConfig(qwen3Next, { ...json, ...said }).config.dense;
    expect(denseOf({})).toEqual([false, false, false, false]);
    expect(denseOf({ mlp_only_layers: [2], decoder_sparse_step: 2 })).toEqual([true, false, true, false]);
  });

  it.each([
    [{ num_experts_per_tok: 6 }, 'num_experts_per_tok 6 must be at most num_experts 5'],
    [{ linear_num_key_heads: 3 }, 'linear_num_value_heads 4 must be a multiple of linear_num_key_heads 3'],
    [{ hidden_act: 'gelu' }, 'hidden_act "gelu" is not supported'],
    [{ layer_types: ['sliding_attention'] }, 'layer_types must be a list of 4'],
    [{ linear_conv_kernel_dim: 1 }, 'kernel must be at least 2'],
    [{ mlp_only_layers: [4] }, 'mlp_only_layers 4 must be below num_hidden_layers 4'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(qwen3Next, { ...json, ...said })).toThrow(message);
  });
});
