import { expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { t5 } from './t5.ts';

checkFamily(t5, 't5-a', 't5-c');

const json = {
  model_type: 't5',
  vocab_size: 20,
  d_model: 16,
  d_ff: 24,
  d_kv: 4,
  num_heads: 2,
  num_layers: 1,
};

it.each([
  ['1.0', {}, 0.25],
  ['1.1 as 4.x says it', { tie_word_embeddings: false }, 1],
  ['1.1 as 5.x says it', { tie_word_embeddings: true, scale_decoder_outputs: false }, 1],
])('scales the logits of version %s', (_, change, scale) => {
  const { model } = readConfig(t5, { ...json, ...change });
  expect(model.kind === 'encoder-decoder' && model.parts.decoder.logitScale).toBe(scale);
});

it('refuses a feed-forward that it does not know', () => {
  expect(() => readConfig(t5, { ...json, feed_forward_proj: 'gated-sine' })).toThrow(
    'feed_forward_proj must be one of gelu,',
  );
});
