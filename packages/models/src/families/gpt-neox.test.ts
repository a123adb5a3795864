import { expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { gptNeox } from './gpt-neox.ts';

checkFamily(gptNeox, 'gpt_neox-a');

const config = {
  model_type: 'gpt_neox',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  rotary_pct: 0.5,
};

it.each([
  [{ num_key_value_heads: 2 }, 'num_key_value_heads 2 is not supported, only 4'],
  [{ head_dim: 8 }, 'head_dim 8 must be hidden_size 16 / num_attention_heads 4'],
  [{ use_parallel_residual: 1 }, 'use_parallel_residual must be true or false'],
  [{ rotary_pct: 0.1 }, 'must let an even number ≥ 2'],
  [{ hidden_act: 'relu6' }, 'hidden_act must be one of gelu'],
])('refuses %o', (change, message) => {
  expect(() => readConfig(gptNeox, { ...config, ...change })).toThrow(message);
});
