import { expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { roberta } from './roberta.ts';

checkFamily(roberta, 'roberta-a');

const json = {
  model_type: 'roberta',
  vocab_size: 20,
  hidden_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 3,
  intermediate_size: 16,
  max_position_embeddings: 26,
};

it.each([
  [{}, 24],
  [{ pad_token_id: 3 }, 22],
])('counts positions from the row after padding: %o', (change, context) => {
  const { model } = readConfig(roberta, { ...json, ...change });
  expect(model.kind === 'encoder' && model.parts.context).toBe(context);
});

it('refuses a table that ends where texts begin', () => {
  expect(() => readConfig(roberta, { ...json, max_position_embeddings: 2 })).toThrow(
    'max_position_embeddings 2 must be more than 2, the row of the first token',
  );
});
