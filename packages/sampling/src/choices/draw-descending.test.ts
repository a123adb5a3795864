import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { chain, createReplay, createSampler } from '../index.ts';
import { drawDescending } from './draw-descending.ts';

checkSampler(drawDescending);

it('gives likely tokens for small numbers, lower ids first where equal', () => {
  const row = Float32Array.from([0.125, 0.5, 0.125, 0.25], Math.log);
  const sampler = createSampler(chain(drawDescending()), {
    random: createReplay([0, 0.49, 0.51, 0.74, 0.76, 0.87, 0.88]),
  });
  const ids = Array.from({ length: 7 }, () => sampler.sample(row));
  expect(ids).toEqual([1, 1, 3, 3, 0, 0, 2]);
});
