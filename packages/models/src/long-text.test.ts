import { configure, multiHead } from '@headwise/attention-variants';
import { createDevice, type Device, tensor } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { postNorm } from './arrangements/post-norm.ts';
import { block } from './block.ts';
import { createEncoder, type Encoder, encoderParameters } from './encoder.ts';
import { createClassifier } from './heads/classifier.ts';
import { maxOfTokens, meanOfTokens, type Pooling } from './heads/pooling.ts';
import {
  attentionPooling,
  type Cut,
  headAndTail,
  headOnly,
  overlappingChunks,
  readLong,
  tailOnly,
} from './long-text.ts';
import { createGeluMlp } from './parts/feed-forward.ts';
import { createLayerNorm } from './parts/norms.ts';
import { learnedPositions } from './parts/trained-position.ts';
import { randomWeights } from './random-weights.ts';

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('cuts', () => {
  it('of BERT’s 510 ids keep 128 of the beginning and 382 of the end, as the paper has it', () => {
    const [piece] = headAndTail().pieces(count(1000), 510);
    expect(piece).toEqual([...count(128), ...count(1000).slice(-382)]);
  });

  const cases: [string, Cut, number, number[][]][] = [
    ['head', headOnly, 7, [[0, 1, 2, 3]]],
    ['tail', tailOnly, 7, [[3, 4, 5, 6]]],
    ['half head, half tail', headAndTail({ head: 0.5 }), 7, [[0, 1, 5, 6]]],
    [
      'chunks',
      overlappingChunks(),
      7,
      [
        [0, 1, 2, 3],
        [4, 5, 6],
      ],
    ],
    [
      'chunks that end with the text',
      overlappingChunks(),
      8,
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ],
    ],
    [
      'overlapping chunks',
      overlappingChunks({ overlap: 2 }),
      7,
      [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [4, 5, 6],
      ],
    ],
  ];

  it.each(cases)('%s', (_, cut, length, want) => {
    expect(cut.pieces(count(length), 4)).toEqual(want);
  });

  it.each(cases)('%s leave a text that fits as it is', (_, cut) => {
    for (const length of [0, 1, 4]) expect(cut.pieces(count(length), 4)).toEqual([count(length)]);
  });

  it('lose no id and share as many as they are told, whatever the lengths', () => {
    for (let length = 1; length < 24; length++)
      for (let room = 1; room < 9; room++)
        for (let overlap = 0; overlap < room; overlap++) {
          const pieces = overlappingChunks({ overlap }).pieces(count(length), room);
          const ids = pieces.flatMap((piece, i) => (i === 0 ? piece : piece.slice(overlap)));
          expect(ids).toEqual(count(length));
          expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(room);
        }
  });

  it('refuse what leaves no room', () => {
    expect(() => overlappingChunks({ overlap: 4 }).pieces(count(9), 4)).toThrow(
      'must be less than the 4 ids',
    );
    expect(() => overlappingChunks({ overlap: -1 })).toThrow('must be a whole number ≥ 0');
    expect(() => headAndTail({ head: 1 })).toThrow('must be a share between 0 and 1');
  });
});

function classifier(device: Device): Encoder {
  const parts = {
    shape: { V: 30, E: 8, H: 2, D: 4, layers: 1 },
    blocks: block({
      attention: configure(multiHead, { causal: false }),
      norm: createLayerNorm(),
      mlp: createGeluMlp({ F: 12 }),
      arrange: postNorm,
    }),
    position: learnedPositions({ rows: 8 }),
    head: createClassifier({ labels: ['a', 'b', 'c'] }),
    context: 8,
  };
  return createEncoder({ ...parts, device, weights: randomWeights(device, encoderParameters(parts)) });
}

describe.each(['reference', 'wasm', 'gpujs:webasm'])('long texts on %s', (name) => {
  const texts = [count(21), [5, 4, 3], count(13).reverse()];
  const [begin, end] = [[28], [29]];
  const cut = overlappingChunks({ overlap: 2 });

  /** What the pieces are by themselves, each read alone. */
  async function alone(encoder: Encoder): Promise<number[][][]> {
    return Promise.all(
      texts.map((ids) =>
        Promise.all(
          cut.pieces(ids, 6).map(async (piece) => {
            using logits = encoder.predict([...begin, ...piece, ...end]);
            return [...(await logits.data())];
          }),
        ),
      ),
    );
  }

  const query = Float32Array.from(seededValues(3, 5));
  const pooled: [string, (device: Device) => Pooling, (pieces: number[][]) => number[]][] = [
    [
      'mean',
      () => meanOfTokens,
      (pieces) => [0, 1, 2].map((e) => pieces.reduce((sum, row) => sum + row[e]!, 0) / pieces.length),
    ],
    ['max', () => maxOfTokens, (pieces) => [0, 1, 2].map((e) => Math.max(...pieces.map((row) => row[e]!)))],
    [
      'attention',
      (device) => attentionPooling({ query: tensor(device, query, [3]) }),
      (pieces) => {
        const scores = pieces.map((row) =>
          Math.exp(row.reduce((sum, x, e) => sum + x * query[e]!, 0) / Math.sqrt(3)),
        );
        const all = scores.reduce((sum, score) => sum + score, 0);
        return [0, 1, 2].map((e) => pieces.reduce((sum, row, k) => sum + (scores[k]! / all) * row[e]!, 0));
      },
    ],
  ];

  it.each(pooled)('pooled by %s equal their pieces, each read alone', async (_, pooling, byHand) => {
    const device = await createDevice(name);
    const encoder = classifier(device);
    const want = (await alone(encoder)).flatMap(byHand);
    const pool = pooling(device);
    let before: number | undefined;
    for (const batch of [1, 3, 8]) {
      using got = readLong(texts, {
        cut,
        context: encoder.context,
        read: (rows) => encoder.predict(rows),
        pooling: pool,
        begin,
        end,
        batch,
      });
      expect(got.shape).toEqual([3, 3]);
      // nothing is left behind but the result
      before ??= device.memory.buffers;
      expect(device.memory.buffers).toBe(before);
      assertClose(await got.data(), want, { atol: 1e-5, rtol: 1e-5 });
    }
  });
});

it('refuses a context without room', async () => {
  const encoder = classifier(await createDevice('reference'));
  const options = {
    cut: headOnly,
    pooling: meanOfTokens,
    read: (rows: readonly (readonly number[])[]) => encoder.predict(rows),
  };
  expect(() => readLong([[1]], { ...options, context: 2, begin: [1], end: [2] })).toThrow(
    'must have room for an id beside begin and end',
  );
  expect(() => readLong([], { ...options, context: 8 })).toThrow('must be at least one');
  const read = (rows: readonly (readonly number[])[]) => encoder.encode(rows).hidden;
  expect(() => readLong([[1]], { ...options, read, context: 8 })).toThrow(
    'read must give a vector for each of the 1 pieces',
  );
});
