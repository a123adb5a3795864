import { expect, it } from 'vitest';
import { createRandom, randomValues, shuffled } from './random.ts';

it('draws the same numbers for the same seed, and others for another', () => {
  const draw = (seed: number) => {
    const next = createRandom(seed);
    return [next(), next(), next()];
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

it('fills any length within the scale, with the mean and spread of a uniform distribution', () => {
  const values = randomValues(1_100_000, 5, 2); // longer than the list it is copied from
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  expect(values.every((value) => value >= -2 && value < 2)).toBe(true);
  expect(mean).toBeCloseTo(0, 1);
  expect(square).toBeCloseTo(4 / 3, 1);
});

it('gives neighbouring seeds unrelated numbers', () => {
  const a = randomValues(1000, 1);
  const b = randomValues(1000, 2);
  const product = a.reduce((sum, value, i) => sum + value * b[i]!, 0) / 1000;
  expect(Math.abs(product)).toBeLessThan(0.05);
});

it('shuffles without losing any', () => {
  const items = Array.from({ length: 20 }, (_, i) => i);
  const mixed = shuffled(items, createRandom(3));
  expect(mixed).not.toEqual(items);
  expect([...mixed].sort((a, b) => a - b)).toEqual(items);
});
