import { createReference } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/encoder-options.json' with { type: 'json' };
import type { EncoderDecoder } from '../encoder-decoder.ts';
import { createModel, readConfig } from '../family.ts';
import { checkFamily } from '../testing/family.ts';
import { valuesOf } from '../testing/formula.ts';
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

describe.each(['BartForSequenceClassification', 'BartForQuestionAnswering'])('%s', (architecture) => {
  const { config, tensors } = golden.cases.find((each) => each.config.architectures[0] === architecture)!;
  const files = new Map(
    Object.entries(tensors).map(([name, shape]) => [name, valuesOf(name, shape as number[])]),
  );
  const rows = [golden.ids, [0, 5, 9, 4], [0, 4, 7, 4, 11]];
  const open = () => {
    const { kind, model } = createModel(createReference(), bart, config, files);
    if (kind !== 'encoder-decoder') throw new Error('no encoder-decoder');
    return model;
  };

  it('says of texts side by side what it says of each alone, and holds nothing afterwards', async () => {
    const model = open();
    const { device } = model.decoder;
    const before = device.memory.liveBytes;
    using together = model.predict(rows);
    const all = await together.data();
    const width = all.length / rows.length;
    for (const [b, row] of rows.entries()) {
      using alone = model.predict(row);
      const want = await alone.data();
      assertClose(all.slice(b * width, b * width + want.length), want, { atol: 1e-5 });
    }
    together.dispose();
    expect(device.memory.liveBytes).toBe(before);
    model.dispose();
    expect(device.memory.liveBytes).toBe(0);
  });

  it('has labels, and the context of its positions', () => {
    const { head, context } = open();
    expect([head?.labels?.length, context]).toEqual([architecture.endsWith('Answering') ? 2 : 3, 40]);
  });
});

it('a classifier of texts asks for the id that ends them', () => {
  const { config, tensors } = golden.cases.find((each) =>
    each.config.architectures.includes('BartForSequenceClassification'),
  )!;
  const files = new Map(
    Object.entries(tensors).map(([name, shape]) => [name, valuesOf(name, shape as number[])]),
  );
  const { model } = createModel(createReference(), bart, config, files);
  expect(() =>
    (model as EncoderDecoder).predict([
      [0, 4],
      [0, 7, 9],
    ]),
  ).toThrow('ids[1] must have the id 4, which ends a text');
});

it('a model that writes has no classes', () => {
  const { config, tensors } = golden.cases.find((each) =>
    each.config.architectures.includes('BartForConditionalGeneration'),
  )!;
  const files = new Map(
    Object.entries(tensors).map(([name, shape]) => [name, valuesOf(name, shape as number[])]),
  );
  const { kind, model } = createModel(createReference(), bart, config, files);
  if (kind !== 'encoder-decoder') throw new Error('no encoder-decoder');
  expect(() => model.predict([[1, 2]])).toThrow('reader must be among the parts; start begins a text');
});
