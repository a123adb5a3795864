import { expect, it } from 'vitest';
import { descending, normalRow, softmax } from '../testing/tools.ts';
import { logprobs } from './logprobs.ts';

it('gives the log-probability of the token and the best alternatives', () => {
  const row = normalRow(1, 300, 2, 0.5);
  const p = softmax(row);
  const { logprob, alternatives } = logprobs(row, 17, 6);
  expect(logprob).toBeCloseTo(Math.log(p[17]!), 10);
  expect(alternatives.map(({ id }) => id)).toEqual(descending(row).slice(0, 6));
  alternatives.forEach((alternative) => {
    expect(alternative.logprob).toBeCloseTo(Math.log(p[alternative.id]!), 10);
  });
});

it('gives no alternatives when none are asked for, and no more than there are', () => {
  expect(logprobs(Float32Array.of(1, 2), 0, 0).alternatives).toEqual([]);
  expect(logprobs(Float32Array.of(1, -Infinity), 0, 5).alternatives).toEqual([{ id: 0, logprob: 0 }]);
});
