import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, manyRows, softmax } from '../testing/tools.ts';
import { logitBias } from './logit-bias.ts';
import { minP } from './min-p.ts';
import { temperature } from './temperature.ts';

checkSampler(() => minP(0.1));
checkSampler(() => minP(1, { minTokensToKeep: 2 }), { minTokensToKeep: 2 });

it('keeps tokens at least m times as likely as the best', () => {
  const row = [0.5, 0.3, 0.14, 0.06].map(Math.log);
  expect(applyFilters(minP(0.29), row).ids).toEqual([0, 1]);
  expect(applyFilters(minP(0.11), row).ids).toEqual([0, 1, 2, 3]);
  expect(applyFilters(minP(0), row).ids).toEqual([0, 1, 2, 3]);
  expect(applyFilters(minP(1), row).ids).toEqual([0]);
});

it('equals the definition over probabilities, on the model’s array and on a list', () => {
  for (const row of manyRows(42)) {
    const p = softmax(row.map((l) => l / 1.3));
    const edge = 0.07 * Math.max(...p);
    const want = p.flatMap((x, id) => (x >= edge ? [id] : []));
    expect(applyFilters([temperature(1.3), minP(0.07)], row).ids).toEqual(want);
    expect(applyFilters([logitBias({ 0: 0 }), temperature(1.3), minP(0.07)], row).ids).toEqual(want);
  }
});

it('keeps at least as many as asked for, ties with the last too', () => {
  expect(applyFilters(minP(0.9, { minTokensToKeep: 2 }), [9, 1, 1, 0]).ids).toEqual([0, 1, 2]);
});

it.each([-0.1, 1.01, Number.NaN])('refuses m = %s', (m) => {
  expect(() => minP(m)).toThrow(`min-p: m must be a number in [0, 1], got ${m}; 0 keeps every token`);
});
