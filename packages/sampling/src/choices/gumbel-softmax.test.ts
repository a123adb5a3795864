import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { chain, createReplay, createSampler } from '../index.ts';
import { normalRow } from '../testing/tools.ts';
import { gumbelSoftmax, type RelaxedDraw } from './gumbel-softmax.ts';

checkSampler(() => gumbelSoftmax({ temperature: 0.7 }));

/** One draw with fixed noise, so that the logits can be moved under it. */
function relaxed(row: ArrayLike<number>, temperature: number): RelaxedDraw {
  let drawn: RelaxedDraw | undefined;
  const choice = gumbelSoftmax({ temperature, onSample: (sample) => (drawn = sample) });
  const random = createReplay(Array.from({ length: row.length }, (_, i) => ((i + 1) * 0.37) % 1));
  createSampler(chain(choice), { random }).sample(Float32Array.from(row));
  return drawn!;
}

it('adds up to one and has its largest entry at the token', () => {
  const { sample, ids, id } = relaxed(normalRow(1, 20), 0.8);
  expect(sample.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  expect(ids[sample.indexOf(Math.max(...sample))]).toBe(id);
});

it('tends to one-hot when cold and to uniform when hot', () => {
  const row = normalRow(2, 10);
  expect(Math.max(...relaxed(row, 0.001).sample)).toBeCloseTo(1, 10);
  expect(Math.max(...relaxed(row, 1e6).sample)).toBeCloseTo(0.1, 4);
});

it('carries back the gradient that finite differences give', () => {
  // logits that float32 holds exactly, also after a step of 2^-12
  const row = [0.5, -0.25, 1.75, 0, -1];
  const weights = [0.3, -1, 2, 0.5, 1.5];
  const loss = (logits: readonly number[]) =>
    relaxed(logits, 0.9).sample.reduce((sum, y, i) => sum + weights[i]! * y, 0);
  const gradient = relaxed(row, 0.9).backward(weights);
  const h = 2 ** -12;
  row.forEach((_, i) => {
    const moved = (by: number) => row.map((l, j) => (i === j ? l + by : l));
    expect(gradient[i]).toBeCloseTo((loss(moved(h)) - loss(moved(-h))) / (2 * h), 6);
  });
});

it('refuses a temperature of 0 and a gradient of another length', () => {
  expect(() => gumbelSoftmax({ temperature: 0 })).toThrow(
    'gumbel-softmax: temperature must be a number in (0, ∞), got 0; gumbel-max is the limit at 0',
  );
  expect(() => relaxed([1, 2], 1).backward([1])).toThrow(
    'gumbel-softmax: the gradient has 1 entries, the sample has 2',
  );
});
