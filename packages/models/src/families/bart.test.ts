import { expect, it } from 'vitest';
import { readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { bart } from './bart.ts';

checkFamily(bart, 'bart-a');

const json = {
  model_type: 'bart',
  vocab_size: 20,
  d_model: 16,
  encoder_layers: 1,
  decoder_layers: 2,
  encoder_attention_heads: 2,
  decoder_attention_heads: 4,
  encoder_ffn_dim: 24,
  decoder_ffn_dim: 28,
  max_position_embeddings: 24,
};

it('scales embeddings by √E where the file says so', () => {
  const scaleOf = (change: object): number | undefined => {
    const { model } = readConfig(bart, { ...json, ...change });
    return model.kind === 'encoder-decoder' ? model.parts.decoder.embedScale : undefined;
  };
  expect([scaleOf({}), scaleOf({ scale_embedding: true })]).toEqual([1, 4]);
});

it.each([
  ['normalize_before', true],
  ['static_position_embeddings', true],
  ['add_final_layer_norm', true],
])('refuses %s %s', (key, value) => {
  expect(() => readConfig(bart, { ...json, [key]: value })).toThrow(`${key} ${value} is not supported`);
});

it('names the half whose heads do not divide the width', () => {
  expect(() => readConfig(bart, { ...json, decoder_attention_heads: 3 })).toThrow(
    'd_model 16 must be a multiple of decoder_attention_heads 3',
  );
});
