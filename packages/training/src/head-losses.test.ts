import { configure, multiHead } from '@headwise/attention-variants';
import {
  block,
  createClassifier,
  createEncoder,
  createGeluMlp,
  createLayerNorm,
  createPooler,
  createTokenClassifier,
  type Encoder,
  encoderParameters,
  type Head,
  meanOfTokens,
  postNorm,
  randomWeights,
} from '@headwise/models';
import { sinusoidal } from '@headwise/positional';
import { createReference, type Device, type Tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { classificationLoss, regressionLoss, tokenLabelLoss } from './head-losses.ts';
import { adam } from './optimizers/rules.ts';
import type { Params } from './params.ts';
import { hash, hashAt } from './random.ts';
import { IGNORED } from './rows.ts';
import { constant } from './schedules.ts';
import { train } from './train.ts';
import { withHead } from './with-head.ts';

function encoderOf(
  device: Device,
  head: Head | undefined,
): { encoder: Encoder; weights: Record<string, Tensor> } {
  const norm = createLayerNorm();
  const parts = {
    shape: { V: 12, E: 16, H: 2, D: 8, layers: 1 },
    position: sinusoidal(),
    blocks: block({
      attention: configure(multiHead, { causal: false }),
      norm,
      mlp: createGeluMlp({ F: 24 }),
      arrange: postNorm,
    }),
    head,
  };
  const weights = randomWeights(device, encoderParameters(parts), { seed: 2 });
  return { encoder: createEncoder({ ...parts, device, weights }), weights };
}

/** Rows of different lengths, the same for a number whenever they are asked for. */
const rows = (index: number): number[][] =>
  Array.from({ length: 12 }, (_, b) =>
    Array.from({ length: 3 + (hash(index, b) % 4) }, (_, i) => hashAt(hash(9, index, b), i) % 12),
  );
const isEven = (id: number): boolean => id % 2 === 0;
const evens = (row: readonly number[]): number => row.filter(isEven).length / row.length;

async function lossesOf<Batch>(
  weights: Params,
  loss: (params: Params, batch: Batch) => Tensor,
  batch: (index: number) => Batch,
): Promise<number[]> {
  const data = { name: 'rows', epoch: Infinity, batch };
  const options = { params: weights, loss, data, optimizer: adam(), rate: constant(0.01), steps: 60 };
  const losses: number[] = [];
  for await (const report of train(options)) losses.push(report.loss);
  return losses;
}

it('learns classes of texts: is the first token even?', async () => {
  const { encoder, weights } = encoderOf(createReference(), createClassifier({ labels: ['odd', 'even'] }));
  const losses = await lossesOf(weights, classificationLoss(encoder), (index) => {
    const ids = rows(index);
    return { ids, targets: ids.map((row) => Number(isEven(row[0]!))) };
  });
  expect(losses.at(-1)!).toBeLessThan(0.2);
});

it('learns a number of texts: the share of even tokens', async () => {
  const head = createClassifier({ labels: ['share'], pooling: meanOfTokens });
  const { encoder, weights } = encoderOf(createReference(), head);
  const losses = await lossesOf(weights, regressionLoss(encoder), (index) => {
    const ids = rows(index);
    return { ids, targets: ids.map(evens) };
  });
  expect(losses.at(-1)!).toBeLessThan(losses[0]! / 5);
});

it('learns classes of tokens, and leaves out what does not count', async () => {
  const { encoder, weights } = encoderOf(
    createReference(),
    createTokenClassifier({ labels: ['odd', 'even'] }),
  );
  const losses = await lossesOf(weights, tokenLabelLoss(encoder), (index) => {
    const ids = rows(index);
    return { ids, targets: ids.map((row) => row.map((id, i) => (i === 1 ? IGNORED : Number(isEven(id))))) };
  });
  expect(losses.at(-1)!).toBeLessThan(0.2);
});

it('the loss is the mean cross-entropy and the mean squared difference of what the head says', async () => {
  const device = createReference();
  const two = encoderOf(device, createClassifier({ labels: ['a', 'b', 'c'] }));
  const ids = rows(1).slice(0, 2);
  const logits = await two.encoder.predict(ids).data();
  const ce = (row: number, target: number): number => {
    const own = [...logits.subarray(3 * row, 3 * row + 3)];
    return Math.log(own.reduce((sum, value) => sum + Math.exp(value), 0)) - own[target]!;
  };
  const loss = classificationLoss(two.encoder)(two.weights, { ids, targets: [2, 0] });
  expect((await loss.data())[0]).toBeCloseTo((ce(0, 2) + ce(1, 0)) / 2, 5);
  const one = encoderOf(device, createClassifier({ labels: ['a'] }));
  const said = await one.encoder.predict(ids).data();
  const squares = regressionLoss(one.encoder)(one.weights, { ids, targets: [0.5, -2] });
  expect((await squares.data())[0]).toBeCloseTo(((said[0]! - 0.5) ** 2 + (said[1]! + 2) ** 2) / 2, 5);
});

it('an encoder under another head goes on from its weights, and a pooler becomes the first layer', async () => {
  const device = createReference();
  const { encoder, weights } = encoderOf(device, createPooler());
  const before = device.memory.buffers;
  const tuned = withHead(encoder, weights, createClassifier({ labels: ['a', 'b', 'c'] }), { seed: 3 });
  expect(tuned.weights['head.dense']).toBe(weights['head.dense']);
  expect(tuned.weights.embed).toBe(weights.embed);
  expect(tuned.weights['head.out']!.shape).toEqual([3, 16]);
  expect(device.memory.buffers).toBe(before + 2);
  // other classes are learnt anew
  const out = await tuned.weights['head.out']!.data();
  const other = withHead(tuned.encoder, tuned.weights, createClassifier({ labels: ['x', 'y', 'z'] }), {
    seed: 4,
  });
  expect(await other.weights['head.out']!.data()).not.toEqual(out);
  expect(tuned.weights['head.out']!.disposed).toBe(true);
  expect(other.encoder.predict([1, 2]).shape).toEqual([1, 3]);
  expect(() => withHead(encoder, { embed: weights.embed! }, createPooler())).toThrow(
    'withHead: weights must be those that the encoder is made of',
  );
});

it('refuses heads and targets that do not go together', () => {
  const device = createReference();
  const { encoder, weights } = encoderOf(device, createClassifier({ labels: ['a', 'b'] }));
  const bare = encoderOf(device, undefined).encoder;
  expect(() => classificationLoss(bare)).toThrow('must have a head that says something of each text');
  expect(() => tokenLabelLoss(encoder)).toThrow(
    'tokenLabelLoss: encoder must have a head that says something of each token (withHead gives it one), got "classifier"',
  );
  const ids = [[1, 2], [3]];
  expect(() => classificationLoss(encoder)(weights, { ids, targets: [0, 2] })).toThrow(
    'classificationLoss: targets must be classes from 0 to 1, or −1 to leave out, got 2',
  );
  expect(() => classificationLoss(encoder)(weights, { ids, targets: [0] })).toThrow(
    'one for each of the 2 texts',
  );
  expect(() => regressionLoss(encoder)(weights, { ids, targets: [0, 1] })).toThrow(
    'regressionLoss: encoder must have a head of one output (one label), got 2',
  );
  const one = encoderOf(device, createClassifier({ labels: ['a'] }));
  expect(() => classificationLoss(one.encoder)(one.weights, { ids, targets: [0, 0] })).toThrow(
    'must have a head of two classes or more',
  );
  expect(() => regressionLoss(one.encoder)(one.weights, { ids, targets: [0, Number.NaN] })).toThrow(
    'targets must be 2 finite numbers',
  );
});
