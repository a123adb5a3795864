import { describe, expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { gptOss } from './gpt-oss.ts';

checkFamily(gptOss, 'gpt_oss-a');

const scaling = {
  factor: 4,
  original_max_position_embeddings: 16,
  beta_fast: 32,
  beta_slow: 1,
  truncate: false,
};
const json = {
  model_type: 'gpt_oss',
  vocab_size: 20,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  num_local_experts: 5,
  num_experts_per_tok: 2,
  sliding_window: 3,
  max_position_embeddings: 64,
};
const ids = [1, 7, 3, 19, 7, 2];

describe('gpt-oss', () => {
  it('of 4.x is that of 5.x', async () => {
    const old = {
      ...json,
      rope_theta: 500,
      rope_scaling: { ...scaling, rope_type: 'yarn' },
      experts_per_token: 2,
      initial_context_length: 16,
    };
    const now = {
      ...json,
      rope_parameters: { ...scaling, rope_type: 'yarn', rope_theta: 500 },
      layer_types: ['sliding_attention', 'full_attention'],
    };
    expect(await logitsOfConfig(gptOss, old, ids)).toEqual(await logitsOfConfig(gptOss, now, ids));
  });

  it.each([
    [
      { quantization_config: { quant_method: 'gptq' } },
      'quantization_config.quant_method "gptq" is not supported, only "mxfp4"',
    ],
    [{ num_experts_per_tok: 6 }, 'num_experts_per_tok 6 must be at most num_local_experts 5'],
    [{ swiglu_limit: 0 }, 'swiglu_limit must be a number > 0'],
    [{ sliding_window: null }, 'there is no sliding_window'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(gptOss, { ...json, ...said })).toThrow(message);
  });
});
