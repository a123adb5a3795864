import { expect, it } from 'vitest';
import type { DecoderParts } from '../decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { phi3 } from './phi3.ts';

checkFamily(phi3, 'phi3-a', 'phi3-c');

const config = {
  model_type: 'phi3',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
};

it('reads longrope under the names it had before', () => {
  const factors = { short_factor: [1, 1], long_factor: [2, 3] };
  const lengths = { max_position_embeddings: 64, original_max_position_embeddings: 16 };
  for (const type of ['su', 'yarn', 'longrope']) {
    const { model } = readConfig(phi3, { ...config, ...lengths, rope_scaling: { type, ...factors } });
    expect((model.parts as DecoderParts).context).toBe(64);
  }
});

it.each([
  [{ lm_head_bias: true }, 'lm_head_bias true is not supported, only false'],
  [{ attention_bias: true }, 'attention_bias true is not supported, only false'],
  [
    {
      original_max_position_embeddings: 8,
      rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [2, 2] },
    },
    'must have one number for each of the 2 pairs',
  ],
])('refuses %o', (change, message) => {
  expect(() => readConfig(phi3, { ...config, ...change })).toThrow(message);
});
