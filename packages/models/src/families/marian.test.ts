import { expect, it } from 'vitest';
import { encoderDecoderParameters } from '../encoder-decoder.ts';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { marian } from './marian.ts';

checkFamily(marian, 'marian-a');

const json = {
  model_type: 'marian',
  vocab_size: 20,
  d_model: 16,
  encoder_layers: 1,
  decoder_layers: 1,
  encoder_attention_heads: 2,
  decoder_attention_heads: 2,
  encoder_ffn_dim: 24,
  decoder_ffn_dim: 24,
  max_position_embeddings: 24,
};

it('gives each language a table of its own where the file says so', () => {
  const change = { share_encoder_decoder_embeddings: false, decoder_vocab_size: 30 };
  const { model } = readConfig(marian, { ...json, ...change });
  if (model.kind !== 'encoder-decoder') throw new Error('no encoder-decoder');
  const shapes = encoderDecoderParameters(model.parts);
  expect([shapes['encoder.embed'], shapes['decoder.embed'], shapes['decoder.head.bias']]).toEqual([
    [20, 16],
    [30, 16],
    [30],
  ]);
});

it.each([
  [{ normalize_embedding: true }, 'normalize_embedding true is not supported'],
  [{ decoder_vocab_size: 30 }, 'decoder_vocab_size 30 must be vocab_size 20'],
])('refuses %o', (change, message) => {
  expect(() => readConfig(marian, { ...json, ...change })).toThrow(message);
});
