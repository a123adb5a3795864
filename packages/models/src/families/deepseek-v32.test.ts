import { describe, expect, it } from 'vitest';
import { decoderSpecs } from '../decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { deepseekV32 } from './deepseek-v32.ts';

// b: index keys that turn whole, biases, tied, YaRN; m: experts
checkFamily(deepseekV32, 'deepseek_v32-a', 'deepseek_v32-b', 'deepseek_v32-m');

const json = {
  model_type: 'deepseek_v32',
  vocab_size: 20,
  hidden_size: 24,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  first_k_dense_replace: 2,
  q_lora_rank: 8,
  kv_lora_rank: 10,
  qk_nope_head_dim: 6,
  qk_rope_head_dim: 4,
  v_head_dim: 5,
  index_head_dim: 7,
};

describe('DeepSeek-V3.2', () => {
  it('keeps a latent and an index key in every layer', () => {
    const { model } = readConfig(deepseekV32, json);
    if (model.kind !== 'decoder') throw new Error('must be a decoder');
    const kept = { kind: 'latent', rows: { latent: [14], index: [7] }, cap: Infinity, constant: {} };
    expect(Object.values(decoderSpecs(model.parts))).toEqual([kept, kept]);
  });

  // transformers writes both, and reads the list alone
  it('takes layers without experts from the list, where there is one', () => {
    const said = {
      mlp_layer_types: ['dense', 'sparse'],
      n_routed_experts: 8,
      num_experts_per_tok: 2,
      n_group: 1,
    };
    expect(readConfig(deepseekV32, { ...json, ...said }).config.dense).toBe(1);
  });

  it('says nothing of values that do not stand in the file', () => {
    const wrong = { first_k_dense_replace: 0, n_routed_experts: 0, n_group: 4, index_head_dim: 0 };
    const read = (): unknown => readConfig(deepseekV32, { ...json, ...wrong });
    expect(read).toThrow('n_routed_experts must be a whole number ≥ 1');
    expect(read).not.toThrow(/the 1 experts|index_head_dim 1 /);
  });

  it.each([
    [
      { mlp_layer_types: ['sparse', 'dense'] },
      'mlp_layer_types must have its dense layers first: layer 1 is dense and layer 0 sparse',
    ],
    [{ first_k_dense_replace: 1, n_routed_experts: 6 }, 'n_group 8 must divide the 6 experts'],
    [{ q_lora_rank: null }, 'q_lora_rank null is not supported: the indexer reads the latent of queries'],
    [{ index_head_dim: 3 }, 'index_head_dim 3 must be at least qk_rope_head_dim 4'],
    [{ rope_interleave: false }, 'rope_interleave false is not supported, only true'],
    [{ layer_types: ['indexed_attention', 'full_attention'] }, 'layer_types'],
    [{ index_topk: 0 }, 'index_topk must be a whole number ≥ 1'],
  ])('refuses %j', (said, message) => {
    expect(() => readConfig(deepseekV32, { ...json, ...said })).toThrow(message);
  });
});
