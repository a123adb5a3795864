import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, manyRows, normalRow } from '../testing/tools.ts';
import { temperature } from './temperature.ts';
import { topNSigma } from './top-n-sigma.ts';

checkSampler(() => topNSigma(1));
checkSampler(() => topNSigma(0.01, { minTokensToKeep: 3 }), { minTokensToKeep: 3 });

it('equals the definition', () => {
  for (const row of manyRows(42)) {
    const values = Array.from(row);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const sigma = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    const edge = Math.max(...values) - 1.5 * sigma;
    // all equal: σ is 0 but for rounding
    const want = values.flatMap((l, id) => (l >= edge - 1e-12 ? [id] : []));
    expect(applyFilters(topNSigma(1.5), row).ids).toEqual(want);
  }
});

it('does not depend on the temperature, nor on removed tokens', () => {
  const row = normalRow(5, 300);
  const cold = applyFilters([temperature(0.2), topNSigma(1)], row).ids;
  expect(applyFilters([temperature(5), topNSigma(1)], row).ids).toEqual(cold);
  expect(applyFilters(topNSigma(1), [...row, -Infinity, -Infinity]).ids).toEqual(cold);
});

it('refuses n = 0', () => {
  expect(() => topNSigma(0)).toThrow(
    'top-n-sigma: n must be a number in (0, ∞), got 0; leave the rule out of the chain to keep every token',
  );
});
