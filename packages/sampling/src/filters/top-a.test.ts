import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, manyRows, softmax } from '../testing/tools.ts';
import { topA } from './top-a.ts';

checkSampler(() => topA(0.2));
checkSampler(() => topA(1, { minTokensToKeep: 3 }), { minTokensToKeep: 3 });

it('lets the cutoff fall with the square of the best', () => {
  // edges: 0.5 · 0.8² = 0.32 and 0.5 · 0.4² = 0.08
  expect(applyFilters(topA(0.5), [0.8, 0.15, 0.05].map(Math.log)).ids).toEqual([0]);
  expect(applyFilters(topA(0.5), [0.4, 0.35, 0.15, 0.07, 0.03].map(Math.log)).ids).toEqual([0, 1, 2]);
});

it('equals the definition', () => {
  for (const row of manyRows(21)) {
    const p = softmax(row);
    const edge = 0.3 * Math.max(...p) ** 2;
    expect(applyFilters(topA(0.3), row).ids).toEqual(p.flatMap((x, id) => (x >= edge ? [id] : [])));
  }
});

it('refuses a negative a', () => {
  expect(() => topA(-1)).toThrow('top-a: a must be a number in [0, 1], got -1; 0 keeps every token');
});
