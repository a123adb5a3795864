import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { noRepeatNgram } from './no-repeat-ngram.ts';

checkSampler(() => noRepeatNgram(2));

const row = new Float32Array(10);
const removed = (n: number, ids: number[]) => {
  const { ids: left } = applyFilters(noRepeatNgram(n), row, { ids });
  return Array.from(row.keys()).filter((id) => !left.includes(id));
};

it('removes what followed the same n − 1 tokens before', () => {
  expect(removed(2, [3, 5, 7, 3, 9, 3])).toEqual([5, 9]);
  expect(removed(3, [1, 2, 3, 4, 1, 2, 8, 1, 2])).toEqual([3, 8]);
  expect(removed(1, [4, 4, 9])).toEqual([4, 9]);
});

it('sees repetitions that overlap', () => {
  expect(removed(3, [6, 6, 6])).toEqual([6]);
  expect(removed(2, [6, 6])).toEqual([6]);
});

it('does nothing with too short a text', () => {
  expect(removed(4, [1, 2])).toEqual([]);
  expect(removed(2, [1])).toEqual([]);
});

it('keeps the best where everything would repeat, and says so', () => {
  const left = applyFilters(noRepeatNgram(1), [1, 3, 2], { ids: [0, 1, 2] });
  expect(left).toMatchObject({ ids: [1], note: 'would have removed every candidate; kept the best one' });
});

it('refuses n = 0', () => {
  expect(() => noRepeatNgram(0)).toThrow(
    'no-repeat-ngram: n must be a whole number ≥ 1, got 0; leave the rule out of the chain to allow repetition',
  );
});
