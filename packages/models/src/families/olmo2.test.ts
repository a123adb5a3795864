import { expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { olmo2 } from './olmo2.ts';

checkFamily(olmo2, 'olmo2-a');

const config = {
  model_type: 'olmo2',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
};

it.each([
  [{ clip_qkv: 8 }, 'clip_qkv 8 is not supported, only null'],
  [{ rms_norm_eps: 0 }, 'rms_norm_eps must be a number > 0'],
])('refuses %o', (change, message) => {
  expect(() => readConfig(olmo2, { ...config, ...change })).toThrow(message);
});
