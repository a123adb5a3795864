import { expect, it } from 'vitest';
import { type DecoderParts, decoderSpecs } from '../decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { smollm3 } from './smollm3.ts';

checkFamily(smollm3, 'smollm3-a');

const config = {
  model_type: 'smollm3',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
};

/** Most tokens that each layer keeps; Infinity for all. */
function caps(change: object): readonly number[] {
  const { parts } = readConfig(smollm3, { ...config, ...change }).model as { parts: DecoderParts };
  return Object.values(decoderSpecs(parts)).map(({ cap }) => cap);
}

it('has windows where it has no positions, when the file asks for them', () => {
  expect(caps({ sliding_window: 7 })).toEqual([Infinity, Infinity, Infinity, Infinity]);
  const slides = { use_sliding_window: true, sliding_window: 7 };
  expect(caps(slides)).toEqual([Infinity, Infinity, Infinity, 7]);
  expect(caps({ ...slides, no_rope_layers: [0, 1, 1, 0] })).toEqual([7, Infinity, Infinity, 7]);
});

it.each([
  [{ no_rope_layers: [1, 0] }, 'must have one mark for each of the 4 layers'],
  [
    { layer_types: ['sliding_attention', 'full_attention', 'full_attention', 'full_attention'] },
    'there is no sliding_window for them',
  ],
])('refuses %o', (change, message) => {
  expect(() => readConfig(smollm3, { ...config, ...change })).toThrow(message);
});
