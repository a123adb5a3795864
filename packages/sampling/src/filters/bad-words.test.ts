import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { badWords } from './bad-words.ts';

checkSampler(() => badWords([[4], [3, 5, 6]]));

it('removes a single token always, and the last of a sequence after the others', () => {
  const rule = badWords([[4], [3, 5, 1]]);
  const row = new Float32Array(6);
  expect(applyFilters(rule, row, { ids: [0] }).ids).toEqual([0, 1, 2, 3, 5]);
  expect(applyFilters(rule, row, { ids: [3, 5] }).ids).toEqual([0, 2, 3, 5]);
  expect(applyFilters(rule, row, { ids: [5] }).ids).toEqual([0, 1, 2, 3, 5]);
  expect(applyFilters(rule, row, { ids: [5, 3] }).ids).toEqual([0, 1, 2, 3, 5]);
});

it('refuses an empty sequence', () => {
  expect(() => badWords([[1], []])).toThrow('bad-words: sequences[1] is empty; leave it out');
  expect(() => badWords([[1.5]])).toThrow('bad-words: sequences[0][0] must be a whole number ≥ 0, got 1.5');
});
