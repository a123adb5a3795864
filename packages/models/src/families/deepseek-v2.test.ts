import { describe, expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { deepseekV2 } from './deepseek-v2.ts';

// m: experts in groups; n: the other way of every choice
checkFamily(deepseekV2, 'deepseek_v2-a', 'deepseek_v2-m', 'deepseek_v2-n');

const json = {
  model_type: 'deepseek_v2',
  vocab_size: 20,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  first_k_dense_replace: 2,
  q_lora_rank: null,
  kv_lora_rank: 10,
  qk_nope_head_dim: 6,
  qk_rope_head_dim: 4,
  v_head_dim: 5,
  max_position_embeddings: 64,
};
const sparse = {
  first_k_dense_replace: 1,
  n_routed_experts: 6,
  num_experts_per_tok: 2,
  moe_intermediate_size: 6,
  n_group: 3,
  topk_group: 2,
  topk_method: 'group_limited_greedy',
};
const ids = [1, 7, 3, 19, 7, 2];
const scaling = {
  factor: 4,
  original_max_position_embeddings: 16,
  beta_fast: 32,
  beta_slow: 1,
  mscale: 0.7,
  mscale_all_dim: 0.5,
};

describe('DeepSeek-V2', () => {
  it('of 4.x is that of 5.x', async () => {
    const old = { ...json, rope_theta: 500, rope_scaling: { ...scaling, type: 'yarn' } };
    const now = { ...json, rope_parameters: { ...scaling, rope_type: 'yarn', rope_theta: 500 } };
    expect(await logitsOfConfig(deepseekV2, old, ids)).toEqual(await logitsOfConfig(deepseekV2, now, ids));
  });

  it('sharpens its scores by the magnitude of YaRN, squared', () => {
    const scaleOf = (said: object) => readConfig(deepseekV2, { ...json, ...said }).config.sizes.scale;
    expect(scaleOf({})).toBeCloseTo(10 ** -0.5, 12);
    const sharp = 0.1 * 0.5 * Math.log(4) + 1;
    const said = { rope_parameters: { ...scaling, rope_type: 'yarn', rope_theta: 500 } };
    expect(scaleOf(said)).toBeCloseTo(sharp ** 2 * 10 ** -0.5, 12);
  });

  it.each([
    [{ first_k_dense_replace: -1 }, 'first_k_dense_replace must be a whole number ≥ 1, it is -1'],
    [{ ...sparse, num_experts_per_tok: 7 }, 'num_experts_per_tok 7 must be at most n_routed_experts 6'],
    [{ ...sparse, scoring_func: 'sigmoid' }, 'scoring_func "sigmoid" is not supported, only "softmax"'],
    [{ ...sparse, norm_topk_prob: true }, 'norm_topk_prob true is not supported, only false'],
    [{ ...sparse, n_group: 4 }, 'n_group 4 must divide the 6 experts, at least 1 in each'],
    [{ ...sparse, topk_group: 4 }, 'topk_group 4 must be at most n_group 3, and have the 2 experts'],
    [{ ...sparse, n_group: null }, 'n_group must be a whole number'],
    [{ num_key_value_heads: 2 }, 'num_key_value_heads 2 is not supported, only 4'],
    [{ qk_rope_head_dim: 3 }, 'qk_rope_head_dim 3 must be even'],
    [{ qk_head_dim: 11 }, 'qk_head_dim 11 must be qk_nope_head_dim 6 + qk_rope_head_dim 4'],
    [{ quantization_config: {} }, '"quantization_config" an object is not understood'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(deepseekV2, { ...json, ...said })).toThrow(message);
  });
});
