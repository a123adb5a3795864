import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { chain, createReplay, createSampler } from '../index.ts';
import { greedy } from './greedy.ts';

checkSampler(greedy);

it('gives the best, the lowest id of equal ones, and takes no random number', () => {
  const sampler = createSampler(chain(greedy()), { random: createReplay([]) });
  expect(sampler.sample(Float32Array.of(1, 5, 5, 2))).toBe(1);
  expect(sampler.sample(new Float32Array(50_000).map((_, i) => (i % 1000 === 999 ? 1 : 0)))).toBe(999);
});

it('has all probability on one token', () => {
  const { ids, probabilities } = createSampler(chain(greedy())).distribution(Float32Array.of(1, 5, 5, 2));
  expect([...ids]).toEqual([1]);
  expect([...probabilities]).toEqual([1]);
});
