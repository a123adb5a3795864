import { describe, expect, it } from 'vitest';
import { decoderSpecs } from '../decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { logitsOfConfig } from '../testing/random-model.ts';
import { kimiLinear } from './kimi-linear.ts';

// a: experts in groups; b: queries from a latent, biases, a dense layer between, shares that do not add up to 1
checkFamily(kimiLinear, 'kimi_linear-a', 'kimi_linear-b');

const json = {
  model_type: 'kimi_linear',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 12,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  kv_lora_rank: 6,
  qk_nope_head_dim: 4,
  qk_rope_head_dim: 2,
  v_head_dim: 3,
  num_experts: 5,
  num_experts_per_token: 2,
  moe_intermediate_size: 6,
};
const ids = [1, 7, 3, 19, 7, 2];
const layerTypes = ['linear_attention', 'linear_attention', 'linear_attention', 'full_attention'];

describe('Kimi Linear', () => {
  it('as it was published is that of transformers', async () => {
    const published = {
      ...json,
      linear_attn_config: {
        full_attn_layers: [4],
        kda_layers: [1, 2, 3],
        num_heads: 3,
        head_dim: 4,
        short_conv_kernel_size: 3,
      },
      first_k_dense_replace: 1,
      mla_use_nope: true,
      moe_layer_freq: 1,
      moe_router_activation_func: 'sigmoid',
      num_nextn_predict_layers: 0,
      use_grouped_topk: true,
      rope_theta: 10_000,
      rope_scaling: null,
      q_lora_rank: null,
      head_dim: 72,
    };
    const saved = {
      ...json,
      linear_num_heads: 3,
      linear_head_dim: 4,
      linear_conv_kernel_dim: 3,
      layer_types: layerTypes,
      mlp_layer_types: ['dense', 'sparse', 'sparse', 'sparse'],
    };
    expect(await logitsOfConfig(kimiLinear, published, ids)).toEqual(
      await logitsOfConfig(kimiLinear, saved, ids),
    );
  });

  it('keeps a state that does not grow in three of four layers, and a latent in the fourth', () => {
    const { model } = readConfig(kimiLinear, {
      ...json,
      linear_num_heads: 3,
      linear_head_dim: 4,
      layer_types: layerTypes,
    });
    if (model.kind !== 'decoder') throw new Error('must be a decoder');
    const recurrent = { kind: 'recurrent', rows: {}, cap: 0, constant: { S: [3, 4, 4], tail: [3, 36] } };
    const latent = { kind: 'latent', rows: { latent: [8] }, cap: Infinity, constant: {} };
    expect(Object.values(decoderSpecs(model.parts))).toEqual([recurrent, recurrent, recurrent, latent]);
  });

  it.each([
    [{ num_experts_per_token: 6 }, 'num_experts_per_token 6 must be at most num_experts 5'],
    [{ mla_use_nope: false }, 'mla_use_nope false is not supported, only true'],
    [{ moe_router_activation_func: 'softmax' }, 'moe_router_activation_func "softmax" is not supported'],
    [{ tie_word_embeddings: true }, 'tie_word_embeddings true is not supported'],
    [
      { linear_attn_config: { full_attn_layers: [4], kda_layers: [1, 2] } },
      'linear_attn_config: full_attn_layers and kda_layers must have each of the 4 layers once, counted from 1',
    ],
    [
      { linear_attn_config: { num_heads: 0 } },
      'linear_attn_config.num_heads must be a whole number ≥ 1, it is 0',
    ],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(kimiLinear, { ...json, ...said })).toThrow(message);
  });
});
