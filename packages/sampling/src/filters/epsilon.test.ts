import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, manyRows, softmax } from '../testing/tools.ts';
import { epsilon } from './epsilon.ts';

checkSampler(() => epsilon(0.02));
checkSampler(() => epsilon(0.9, { minTokensToKeep: 3 }), { minTokensToKeep: 3 });

it('keeps tokens that are likely enough', () => {
  for (const row of manyRows(21)) {
    const p = softmax(row);
    const want = p.flatMap((x, id) => (x >= 0.004 ? [id] : []));
    if (want.length > 0) expect(applyFilters(epsilon(0.004), row).ids).toEqual(want);
  }
});

it('where none is, keeps the best and says so', () => {
  const left = applyFilters(epsilon(0.6), [1, 2, 1.5]);
  expect(left.ids).toEqual([1]);
  expect(left.note).toBe('would have removed every candidate; kept the best one');
});

it('refuses 1, which nothing could reach', () => {
  expect(() => epsilon(1)).toThrow('epsilon: floor must be a number in [0, 1), got 1; 0 keeps every token');
});
