import { expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { distilbert } from './distilbert.ts';

checkFamily(distilbert, 'distilbert-a');

it('names its own fields where they do not go together', () => {
  const json = { model_type: 'distilbert', vocab_size: 20, dim: 12, n_layers: 1, n_heads: 5, hidden_dim: 16 };
  expect(() => readConfig(distilbert, json)).toThrow(
    /dim 12 must be a multiple of n_heads 5[\s\S]*max_position/,
  );
});
