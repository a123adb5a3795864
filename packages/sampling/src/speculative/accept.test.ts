import { expect, it } from 'vitest';
import { createRandom, createReplay } from '../index.ts';
import { chiSquare, normalRow, softmax, tally } from '../testing/tools.ts';
import { acceptOrCorrect, drawFrom, probabilityOf } from './accept.ts';

const distribution = (probabilities: readonly number[]) => {
  const ids = probabilities.flatMap((p, id) => (p > 0 ? [id] : []));
  return { ids: Uint32Array.from(ids), probabilities: Float64Array.from(ids, (id) => probabilities[id]!) };
};

it('accepts with p / q, and draws what was rejected from the rest', () => {
  const target = distribution([0.2, 0.5, 0.3]);
  const proposed = { id: 0, distribution: distribution([0.8, 0.2, 0]) };
  const accept = (...uniforms: number[]) => acceptOrCorrect(target, proposed, createReplay(uniforms));
  expect(accept(0.24)).toEqual({ id: 0, accepted: true });
  // max(0, p − q) = 0, 0.3, 0.3
  expect(accept(0.26, 0.49)).toEqual({ id: 1, accepted: false });
  expect(accept(0.26, 0.51)).toEqual({ id: 2, accepted: false });
});

it('takes a proposal without a distribution for certain', () => {
  const target = distribution([0.2, 0.5, 0.3]);
  const accept = (...uniforms: number[]) => acceptOrCorrect(target, { id: 1 }, createReplay(uniforms));
  expect(accept(0.49)).toEqual({ id: 1, accepted: true });
  expect(accept(0.51, 0.39)).toEqual({ id: 0, accepted: false });
  expect(accept(0.51, 0.41)).toEqual({ id: 2, accepted: false });
});

it('never accepts what the target excludes', () => {
  const target = distribution([0, 1]);
  expect(acceptOrCorrect(target, { id: 0, distribution: distribution([1]) }, createReplay([0, 0.5]))).toEqual(
    {
      id: 1,
      accepted: false,
    },
  );
});

it.each([1, 2, 3])('leaves the target distribution unchanged (seed %i; false-alarm rate 10⁻⁴)', (seed) => {
  const p = softmax(normalRow(seed, 12));
  const q = distribution(softmax(normalRow(seed + 50, 12)));
  const target = distribution(p);
  const random = createRandom(seed);
  const next = () => acceptOrCorrect(target, { id: drawFrom(q, random), distribution: q }, random).id;
  const { statistic, limit } = chiSquare(tally(20_000, next), p);
  expect(statistic).toBeLessThan(limit);
});

it('accepts as often as the two distributions overlap', () => {
  const p = softmax(normalRow(1, 12));
  const q = softmax(normalRow(51, 12));
  const overlap = p.reduce((sum, x, i) => sum + Math.min(x, q[i]!), 0);
  const random = createRandom(1);
  let accepted = 0;
  for (let i = 0; i < 20_000; i++) {
    const id = drawFrom(distribution(q), random);
    if (acceptOrCorrect(distribution(p), { id, distribution: distribution(q) }, random).accepted) accepted++;
  }
  // five standard deviations
  expect(Math.abs(accepted / 20_000 - overlap)).toBeLessThan(5 * Math.sqrt(0.25 / 20_000));
});

it('finds probabilities by id', () => {
  expect(probabilityOf(distribution([0.2, 0, 0.8]), 2)).toBe(0.8);
  expect(probabilityOf(distribution([0.2, 0, 0.8]), 1)).toBe(0);
});
