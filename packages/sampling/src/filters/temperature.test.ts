import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, manyRows, normalRow } from '../testing/tools.ts';
import { temperature } from './temperature.ts';
import { topK } from './top-k.ts';

checkSampler(() => temperature(0.7));
checkSampler(() => temperature(0));

it('divides every logit', () => {
  expect(applyFilters(temperature(0.5), [1, -2, 0]).logits).toEqual([2, -4, 0]);
  expect(applyFilters(temperature(4), [1, -Infinity, 2]).logits).toEqual([0.25, 0.5]);
});

it('at 0 keeps the best token, the lowest id of equal ones', () => {
  expect(applyFilters(temperature(0), [1, 3, 3, 2]).ids).toEqual([1]);
  expect(applyFilters(temperature(1e-300), [3e38, 1, -3e38]).ids).toEqual([0]);
});

it('gives the same before and after top-k', () => {
  for (const row of manyRows(21)) {
    const after = applyFilters([topK(5), temperature(0.3)], row);
    expect(applyFilters([temperature(0.3), topK(5)], row)).toEqual(after);
  }
});

it('twice is the product', () => {
  const row = normalRow(1, 50);
  const twice = applyFilters([temperature(0.5), temperature(4)], row).logits;
  expect(twice).toEqual(applyFilters(temperature(2), row).logits);
});

it.each([-1, Number.NaN, Infinity, '1'])('refuses T = %s', (T) => {
  expect(() => temperature(T as number)).toThrow(
    `temperature: T must be a number in [0, ∞), got ${typeof T === 'string' ? '"1"' : T}; 0 is greedy`,
  );
});
