import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { chain, createReplay, createSampler } from '../index.ts';
import { draw } from './draw.ts';

checkSampler(draw);

it('gives the first id whose running sum exceeds the number', () => {
  const row = Float32Array.of(0, 0, -Infinity, 0, 0);
  const sampler = createSampler(chain(draw()), {
    random: createReplay([0, 0.2499, 0.25, 0.5, 0.75, 0.9999999]),
  });
  const ids = Array.from({ length: 6 }, () => sampler.sample(row));
  expect(ids).toEqual([0, 0, 1, 3, 4, 4]);
});

it('never gives a token without probability, where a sum falls short by rounding', () => {
  const row = Float32Array.of(0, 0, 0, -2000);
  const sampler = createSampler(chain(draw()), { random: createReplay([1 - 2 ** -53]) });
  expect(sampler.sample(row)).toBe(2);
});
