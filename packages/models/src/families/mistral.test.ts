import { expect, it } from 'vitest';
import { type DecoderParts, decoderSpecs } from '../decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { mistral } from './mistral.ts';

checkFamily(mistral, 'mistral-a');

const config = {
  model_type: 'mistral',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

/** Most tokens that each layer keeps; Infinity for all. */
function caps(change: object): readonly number[] {
  const { parts } = readConfig(mistral, { ...config, ...change }).model as { parts: DecoderParts };
  return Object.values(decoderSpecs(parts)).map(({ cap }) => cap);
}

it('keeps a window in every layer: 4096 where the file is silent, all of it where it says null', () => {
  expect(caps({})).toEqual([4096, 4096, 4096, 4096]);
  expect(caps({ sliding_window: 7 })).toEqual([7, 7, 7, 7]);
  expect(caps({ sliding_window: null })).toEqual([Infinity, Infinity, Infinity, Infinity]);
});

it.each([
  [
    { layer_types: ['full_attention', 'full_attention', 'full_attention', 'full_attention'] },
    'layer_types must be a list of 4, one a layer, of "sliding_attention"',
  ],
  [{ sliding_window: 0 }, 'sliding_window must be a whole number ≥ 1'],
  [{ num_key_value_heads: 3 }, 'num_attention_heads 4 must be a multiple of num_key_value_heads 3'],
  [{ attention_bias: true }, '"attention_bias" true is not understood'],
])('refuses %o', (change, message) => {
  expect(() => readConfig(mistral, { ...config, ...change })).toThrow(message);
});
