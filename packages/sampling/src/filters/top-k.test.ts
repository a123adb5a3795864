import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, manyRows } from '../testing/tools.ts';
import { logitBias } from './logit-bias.ts';
import { topK } from './top-k.ts';

checkSampler(() => topK(5));
checkSampler(() => topK(1, { minTokensToKeep: 3 }), { minTokensToKeep: 3 });

it('keeps the k best and whatever is tied with the last of them', () => {
  expect(applyFilters(topK(2), [1, 5, 3, 4]).ids).toEqual([1, 3]);
  expect(applyFilters(topK(2), [3, 5, 3, 3, 1]).ids).toEqual([0, 1, 2, 3]);
  expect(applyFilters(topK(9), [3, -Infinity, 1]).ids).toEqual([0, 2]);
});

it('cuts ties where it is told to: exactly k, the lower ids of the tied ones', () => {
  const cut = (k: number, ...row: number[]) => applyFilters(topK(k, { ties: 'cut' }), row).ids;
  expect(cut(2, 3, 5, 3, 3, 1)).toEqual([0, 1]);
  expect(cut(3, 3, 5, 3, 3, 1)).toEqual([0, 1, 2]);
  expect(cut(2, 3, -Infinity)).toEqual([0]);
  expect(applyFilters(topK(1, { ties: 'cut', minTokensToKeep: 2 }), [1, 1, 1]).ids).toEqual([0, 1]);
  expect(() => topK(2, { ties: 'low' as 'cut' })).toThrow("top-k: ties must be 'keep' or 'cut', got \"low\"");
});

it.each([1, 3, 40, 700])('k = %i equals sorting, on the model’s array and on a list', (k) => {
  for (const row of manyRows(42)) {
    const floor = Array.from(row).sort((a, b) => b - a)[Math.min(k, row.length) - 1]!;
    const want = Array.from(row, (l, id) => (l >= floor ? id : -1)).filter((id) => id >= 0);
    expect(applyFilters(topK(k), row).ids).toEqual(want);
    expect(applyFilters([logitBias({ 0: 0 }), topK(k)], row).ids).toEqual(want);
  }
});

it('finds the best of sorted logits in either direction, and with most removed', () => {
  const up = Float32Array.from({ length: 20_000 }, (_, i) => i / 100);
  expect(applyFilters(topK(3), up).ids).toEqual([19_997, 19_998, 19_999]);
  expect(applyFilters(topK(3), up.toReversed()).ids).toEqual([0, 1, 2]);
  const sparse = up.map((l, i) => (i % 5000 === 7 ? l : -Infinity));
  expect(applyFilters(topK(2), sparse).ids).toEqual([10_007, 15_007]);
});

it.each([0, -3, 2.5, Number.NaN])('refuses k = %s', (k) => {
  expect(() => topK(k)).toThrow(
    `top-k: k must be a whole number ≥ 1, got ${k}; leave top-k out of the chain to keep every token`,
  );
});
