import { expect, it } from 'vitest';
import { type DecoderParts, decoderSpecs } from '../decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { qwen2 } from './qwen2.ts';

checkFamily(qwen2, 'qwen2-a');

const config = {
  model_type: 'qwen2',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

/** Most tokens that each layer keeps; Infinity for all. */
function caps(change: object): readonly number[] {
  const { parts } = readConfig(qwen2, { ...config, ...change }).model as { parts: DecoderParts };
  return Object.values(decoderSpecs(parts)).map(({ cap }) => cap);
}

it('keeps windows as transformers lays them out', () => {
  expect(caps({})).toEqual([Infinity, Infinity, Infinity, Infinity]);
  expect(caps({ sliding_window: 7, max_window_layers: 1 })).toEqual([Infinity, Infinity, Infinity, Infinity]);
  const slides = { use_sliding_window: true, sliding_window: 7 };
  expect(caps({ ...slides, max_window_layers: 3 })).toEqual([Infinity, Infinity, Infinity, 7]);
  expect(caps({ ...slides, max_window_layers: 0 })).toEqual([7, 7, 7, 7]);
  const layer_types = ['sliding_attention', 'full_attention', 'full_attention', 'sliding_attention'];
  expect(caps({ ...slides, layer_types })).toEqual([7, Infinity, Infinity, 7]);
});

it.each([
  [
    { layer_types: ['sliding_attention', 'full_attention', 'full_attention', 'full_attention'] },
    'layer_types has layers that slide, and there is no sliding_window for them',
  ],
  [{ layer_types: ['full_attention'] }, 'layer_types must be a list of 4'],
  [{ max_window_layers: -1 }, 'max_window_layers must be a whole number ≥ 1'],
  [{ use_mrope: true }, 'use_mrope true is not supported, only false'],
])('refuses %o', (change, message) => {
  expect(() => readConfig(qwen2, { ...config, ...change })).toThrow(message);
});
