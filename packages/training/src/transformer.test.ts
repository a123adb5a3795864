import {
  createEncoderDecoder,
  type EncoderDecoder,
  encoderDecoderParameters,
  readConfig,
} from '@headwise/models';
import { families } from '@headwise/models/registry';
import {
  createDevice,
  createReference,
  type Device,
  type Tensor,
  tensor,
  valueAndGrad,
} from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../golden/transformer.json' with { type: 'json' };
import type { Batches } from './data/contract.ts';
import { adam } from './optimizers/rules.ts';
import { hash, hashAt } from './random.ts';
import { IGNORED } from './rows.ts';
import { inverseSquareRoot } from './schedules.ts';
import { train } from './train.ts';
import { type TranslationBatch, translationLoss } from './translation-loss.ts';

const family = families.transformer!;

/** Digits as the source, a mark and the same digits backwards as the text; rows of different lengths. */
function reversedSources({ B, length, symbols, seed }: typeof golden.task): Batches<TranslationBatch> {
  const row = (index: number, b: number): number[] => {
    const key = hash(seed, index, b);
    const own = length - (hashAt(key, length) % 3);
    return Array.from({ length: own }, (_, i) => hashAt(key, i) % symbols);
  };
  return {
    name: 'reversed sources',
    epoch: Infinity,
    batch(index) {
      const sources = Array.from({ length: B }, (_, b) => row(index, b));
      const targets = sources.map((digits) => digits.toReversed());
      return { sources, targets, ids: targets.map((digits) => [symbols, ...digits.slice(0, -1)]) };
    },
  };
}

function made(
  device: Device,
  shared = true,
): { readonly model: EncoderDecoder; readonly weights: Record<string, Tensor> } {
  const { model } = readConfig(family, golden.config);
  if (model.kind !== 'encoder-decoder') throw new Error('no encoder-decoder');
  const parts = { ...model.parts, shared };
  const shapes = encoderDecoderParameters(parts);
  // the place among the sorted names decides the key of each, as in tooling/golden/training.py
  const names = Object.keys(encoderDecoderParameters(model.parts)).sort();
  const weights = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const key = hash(11, names.indexOf(name === 'decoder.embed' ? 'encoder.embed' : name));
      const bound = Math.sqrt(3 / shape.at(-1)!);
      const value = (j: number): number => {
        if (shape.length > 1) return bound * ((2 * hashAt(key, j)) / 2 ** 32 - 1);
        return name.endsWith('bias') ? 0 : 1;
      };
      const size = shape.reduce((product, axis) => product * axis, 1);
      const values = Float32Array.from({ length: size }, (_, j) => value(j));
      return [name, tensor(device, values, shape)];
    }),
  );
  return { model: createEncoderDecoder({ ...parts, device, weights }), weights };
}

it('200 steps of the original Transformer have the losses of PyTorch, within 1e-4 of each', async () => {
  const { model, weights } = made(await createDevice('wasm'));
  const { E, warmup, scale, steps, beta2, eps, smoothing } = golden.recipe;
  const losses: number[] = [];
  for await (const { loss } of train({
    params: weights,
    loss: translationLoss(model, { smoothing }),
    data: reversedSources(golden.task),
    optimizer: adam({ beta2, eps }),
    rate: inverseSquareRoot({ E, warmup, scale }),
    steps,
  }))
    losses.push(loss);
  expect(losses).toHaveLength(golden.losses.length);
  const worst = Math.max(...losses.map((loss, i) => Math.abs(loss / golden.losses[i]! - 1)));
  expect(worst).toBeLessThan(1e-4);
});

it('a table that both halves read gets the gradients of both', async () => {
  const device = createReference();
  const batch = reversedSources(golden.task).batch(0);
  const gradients = (shared: boolean) => {
    const { model, weights } = made(device, shared);
    return valueAndGrad((params: Record<string, Tensor>) => translationLoss(model)(params, batch))(weights)
      .grads;
  };
  const [tied, apart] = [gradients(true), gradients(false)];
  const [all, read, written] = await Promise.all(
    [tied['encoder.embed']!, apart['encoder.embed']!, apart['decoder.embed']!].map((each) => each.data()),
  );
  expect(Math.max(...written!.map(Math.abs))).toBeGreaterThan(1e-3);
  assertClose(
    all!,
    read!.map((value, i) => value + written![i]!),
    { atol: 1e-6, rtol: 1e-5 },
  );
});

it('leaves nothing behind, and refuses a batch that does not go together', () => {
  const device = createReference();
  const { model, weights } = made(device);
  const loss = translationLoss(model);
  const batch = reversedSources({ ...golden.task, B: 2 }).batch(0);
  loss(weights, batch).dispose();
  const { buffers } = device.memory;
  loss(weights, batch).dispose();
  expect(device.memory.buffers).toBe(buffers);
  expect(() => loss(weights, { ...batch, sources: [[1]] })).toThrow(
    'translationLoss: sources must be one for each of the 2 rows of ids, got 1',
  );
  expect(() => loss(weights, { ...batch, targets: [[1], [IGNORED]] })).toThrow(
    'translationLoss: targets must have one target for each id',
  );
});
