import { expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { modernbert } from './modernbert.ts';

checkFamily(modernbert, 'modernbert-a');

const json = {
  model_type: 'modernbert',
  vocab_size: 20,
  hidden_size: 12,
  num_hidden_layers: 4,
  num_attention_heads: 3,
  intermediate_size: 16,
  max_position_embeddings: 64,
  local_attention: 10,
};

it.each([
  ['5.x', { layer_types: ['full_attention', 'sliding_attention', 'full_attention', 'sliding_attention'] }],
  ['4.x', { global_attn_every_n_layers: 2, global_rope_theta: 160000, local_rope_theta: 10000 }],
])('reads which layers have a window from files of %s', (_, change) => {
  const { model } = readConfig(modernbert, { ...json, ...change });
  if (model.kind !== 'encoder' || typeof model.parts.blocks !== 'function') throw new Error('no encoder');
  const { blocks, shape } = model.parts;
  const caps = [0, 1, 2, 3].map((layer) =>
    Object.values(blocks(layer).parts[0]!.states(shape, layer)).map(({ cap }) => cap),
  );
  expect(caps).toEqual([[Infinity], [6], [Infinity], [6]]);
});

it('refuses layers of a kind it does not know', () => {
  const types = ['full_attention', 'linear_attention', 'full_attention', 'full_attention'];
  expect(() => readConfig(modernbert, { ...json, layer_types: types })).toThrow(
    'layer_types must be a list of 4',
  );
});
