import { describe, expect, it } from 'vitest';
import { readConfig, unusedBy } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { deepseekV3 } from './deepseek-v3.ts';

// m: experts in groups; n: the other way of every choice
checkFamily(deepseekV3, 'deepseek_v3-a', 'deepseek_v3-m', 'deepseek_v3-n');

const json = {
  model_type: 'deepseek_v3',
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

describe('DeepSeek-V3', () => {
  it('of 4.x is that of 5.x', async () => {
    const old = { ...json, rope_theta: 500, rope_scaling: { ...scaling, type: 'yarn' } };
    const now = { ...json, rope_parameters: { ...scaling, rope_type: 'yarn', rope_theta: 500 } };
    expect(await logitsOfConfig(deepseekV3, old, ids)).toEqual(await logitsOfConfig(deepseekV3, now, ids));
  });

  it('sharpens its scores by the magnitude of YaRN, squared', () => {
    const scaleOf = (said: object) => readConfig(deepseekV3, { ...json, ...said }).config.sizes.scale;
    expect(scaleOf({})).toBeCloseTo(10 ** -0.5, 12);
    const sharp = 0.1 * 0.5 * Math.log(4) + 1;
    const said = { rope_parameters: { ...scaling, rope_type: 'yarn', rope_theta: 500 } };
    expect(scaleOf(said)).toBeCloseTo(sharp ** 2 * 10 ** -0.5, 12);
  });

  it('reads no layer behind the last', () => {
    const unused = unusedBy(deepseekV3, readConfig(deepseekV3, json).config)!;
    expect(unused.test('model.layers.2.eh_proj.weight')).toBe(true);
    expect(unused.test('model.layers.20.eh_proj.weight')).toBe(false);
  });

  it.each([
    [{ ...sparse, num_experts_per_tok: 7 }, 'num_experts_per_tok 7 must be at most n_routed_experts 6'],
    [{ ...sparse, topk_method: 'greedy' }, 'topk_method "greedy" is not supported, only "noaux_tc"'],
    [{ ...sparse, n_group: 6 }, 'n_group 6 must divide the 6 experts, at least 2 in each'],
    [{ ...sparse, topk_group: 0 }, 'topk_group must be a whole number'],
    [{ ...sparse, moe_layer_freq: 2 }, 'moe_layer_freq 2 is not supported, only 1'],
    [{ num_key_value_heads: 2 }, 'num_key_value_heads 2 is not supported, only 4'],
    [{ qk_rope_head_dim: 3 }, 'qk_rope_head_dim 3 must be even'],
    [{ qk_head_dim: 11 }, 'qk_head_dim 11 must be qk_nope_head_dim 6 + qk_rope_head_dim 4'],
    [{ quantization_config: {} }, '"quantization_config" an object is not understood'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(deepseekV3, { ...json, ...said })).toThrow(message);
  });
});
