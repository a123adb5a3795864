import { createReference } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { createEncoder, type Encoder, encoderParameters } from '../encoder.ts';
import { readConfig } from '../family.ts';
import { randomWeights } from '../random-weights.ts';
import { checkFamily } from '../testing/family.ts';
import { bert } from './bert.ts';
import { longformer } from './longformer.ts';

checkFamily(longformer, 'longformer-a');

const json = {
  model_type: 'longformer',
  architectures: ['LongformerForSequenceClassification'],
  vocab_size: 20,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 16,
  max_position_embeddings: 40,
  attention_window: [2, 4],
};

function tiny(family: typeof longformer | typeof bert, config: object): Encoder {
  const { model } = readConfig(family as typeof longformer, config);
  if (model.kind !== 'encoder') throw new Error('no encoder');
  const device = createReference();
  return createEncoder({
    ...model.parts,
    device,
    weights: randomWeights(device, encoderParameters(model.parts)),
  });
}

const text = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];

describe('global tokens', () => {
  const encoder = tiny(longformer, json);
  const hiddenOf = async (globals?: number[][], ids: number[][] = [text]): Promise<Float32Array> =>
    encoder.encode(ids, { ...(globals && { globals }) }).hidden.data();

  it('are the first one where the head is a classifier and the call says none', async () => {
    expect([...(await hiddenOf())]).toEqual([...(await hiddenOf([[0]]))]);
    expect([...(await hiddenOf())]).not.toEqual([...(await hiddenOf([[]]))]);
  });

  it('at the start are a declared part, which equals the table', async () => {
    const other = [7, 7, 7, 7];
    const declared = await hiddenOf([[0, 1]]);
    // the second text has others, so that a table is made for both
    const table = await hiddenOf([[0, 1], [2]], [text, other]);
    assertClose(table.slice(0, declared.length), declared, { atol: 1e-5, rtol: 1e-5 });
  });

  it('carry a far token to all others, which no window does', async () => {
    const changed = [...text.slice(0, -1), 11];
    const firstOf = async (globals: number[][]): Promise<number[]> => {
      const [a, b] = [await hiddenOf(globals), await hiddenOf(globals, [changed])];
      return [...a.slice(12, 24)].map((value, e) => Math.abs(value - b[12 + e]!));
    };
    expect(Math.max(...(await firstOf([[]])))).toBe(0);
    expect(Math.max(...(await firstOf([[0]])))).toBeGreaterThan(1e-6);
  });

  it('leave nothing behind', async () => {
    const { buffers, liveBytes } = encoder.device.memory;
    for (const globals of [[[0]], [[3, 5]]]) {
      const { hidden, positions } = encoder.encode(text, { globals, extras: ['weights'] });
      hidden.dispose();
      positions.tensor.dispose();
    }
    expect(encoder.device.memory).toMatchObject({ buffers, liveBytes });
  });

  it('have weights of their own, which sum to 1 over what they see', async () => {
    let weights: Promise<Float32Array> | undefined;
    encoder.encode(text, {
      globals: [[0, 7]],
      extras: ['weights'],
      look({ layer, extras }) {
        if (layer === 0) weights = extras.weights!.data();
      },
    });
    const rows = await weights!;
    const seen = (h: number, i: number): number[] =>
      [...rows.slice((h * 12 + i) * 12, (h * 12 + i + 1) * 12)].flatMap((weight, j) =>
        weight > 0 ? [j] : [],
      );
    for (const h of [0, 1, 2]) {
      expect(seen(h, 4)).toEqual([0, 3, 4, 5, 7]);
      expect(seen(h, 7)).toEqual(text.map((_, j) => j));
    }
    for (let row = 0; row < 36; row++) {
      const sum = rows.slice(row * 12, row * 12 + 12).reduce((all, weight) => all + weight, 0);
      expect(sum).toBeCloseTo(1, 5);
    }
  });

  it.each([
    ['a place outside the text', [[12]]],
    ['one twice', [[1, 1]]],
    ['too few rows', []],
  ])('are refused: %s', (_, globals) => {
    expect(() => encoder.encode(text, { globals })).toThrow('globals must be different places of each row');
  });

  it('are refused by a model that has none', () => {
    const { attention_window: _, ...rest } = json;
    const other = tiny(bert, { ...rest, model_type: 'bert', architectures: ['BertModel'] });
    expect(() => other.encode(text, { globals: [[0]] })).toThrow('no part of the model knows');
  });
});

it.each([[3], [[2, 4, 6]], [[2, 3]], ['4']])('refuses a window of %o', (attention_window) => {
  expect(() => readConfig(longformer, { ...json, attention_window })).toThrow('attention_window must be');
});
