import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { minimumLength } from './minimum-length.ts';

checkSampler(() => minimumLength({ tokens: 20, endIds: [2, 17, 40] }));

it('keeps the end tokens away until enough was generated; the prompt does not count', () => {
  const rule = minimumLength({ tokens: 2, endIds: [0, 3] });
  const row = new Float32Array(4);
  expect(applyFilters(rule, row, { ids: [1, 1, 1], promptLength: 3 }).ids).toEqual([1, 2]);
  expect(applyFilters(rule, row, { ids: [1, 1, 1, 1], promptLength: 3 }).ids).toEqual([1, 2]);
  expect(applyFilters(rule, row, { ids: [1, 1, 1, 1, 1], promptLength: 3 }).ids).toEqual([0, 1, 2, 3]);
});

it('refuses a negative length', () => {
  expect(() => minimumLength({ tokens: -1, endIds: [] })).toThrow(
    'minimum-length: tokens must be a whole number ≥ 0, got -1',
  );
});
