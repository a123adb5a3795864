import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, descending, manyRows, softmax } from '../testing/tools.ts';
import { topP } from './top-p.ts';

checkSampler(() => topP(0.9));
checkSampler(() => topP(0.01, { minTokensToKeep: 4 }), { minTokensToKeep: 4 });

const halves = [0.5, 0.25, 0.125, 0.125].map(Math.log);

it('keeps the token that crosses p', () => {
  expect(applyFilters(topP(0.6), halves).ids).toEqual([0, 1]);
  expect(applyFilters(topP(0.49), halves).ids).toEqual([0]);
  expect(applyFilters(topP(0.8), halves).ids).toEqual([0, 1, 2]);
  expect(applyFilters(topP(1), halves).ids).toEqual([0, 1, 2, 3]);
});

it.each([0.1, 0.5, 0.9, 0.999])('p = %f equals sorting', (p) => {
  for (const row of manyRows(42)) {
    const probabilities = softmax(row);
    const order = descending(row);
    let sum = 0;
    // a sum within rounding of p could go either way; the rows have none
    const count = order.findIndex((id) => (sum += probabilities[id]!) >= p) + 1 || row.length;
    const want = order.slice(0, count).sort((a, b) => a - b);
    expect(applyFilters(topP(p), row).ids).toEqual(want);
  }
});

it('keeps the lower or the higher ids of equally likely tokens', () => {
  const kept = (p: number, ties: 'lower' | 'higher', row = [0.25, 0.5, 0.25].map(Math.log)) =>
    applyFilters(topP(p, { ties }), row).ids;
  expect(kept(0.75, 'lower')).toEqual([0, 1]);
  expect(kept(0.75, 'higher')).toEqual([1, 2]);
  expect(kept(0.76, 'higher')).toEqual([0, 1, 2]);
  expect(kept(0.5, 'higher', [1, 1, 1, 1])).toEqual([2, 3]);
  expect(() => topP(0.5, { ties: 'keep' as 'lower' })).toThrow(
    "top-p: ties must be 'lower' or 'higher', got \"keep\"",
  );
});

it('keeps at least as many as asked for', () => {
  expect(applyFilters(topP(0.1, { minTokensToKeep: 3 }), [9, 0, 5, 7]).ids).toEqual([0, 2, 3]);
});

it.each([0, -0.1, 1.5, Number.NaN])('refuses p = %s', (p) => {
  expect(() => topP(p)).toThrow(`top-p: p must be a number in (0, 1], got ${p}; 1 keeps every token`);
});
