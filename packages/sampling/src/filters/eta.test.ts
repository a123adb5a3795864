import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, entropy, manyRows, softmax } from '../testing/tools.ts';
import { eta } from './eta.ts';

checkSampler(() => eta(0.01));
checkSampler(() => eta(0.9, { minTokensToKeep: 3 }), { minTokensToKeep: 3 });

it('equals the definition, with either side the smaller', () => {
  let sunk = 0;
  for (const row of manyRows(42)) {
    const p = softmax(row);
    const cut = Math.sqrt(0.003) * Math.exp(-entropy(p));
    if (cut < 0.003) sunk++;
    const want = p.flatMap((x, id) => (x >= Math.min(0.003, cut) ? [id] : []));
    expect(applyFilters(eta(0.003), row).ids).toEqual(want);
  }
  expect(sunk).toBeGreaterThan(5);
  expect(sunk).toBeLessThan(40);
});

it('refuses a negative floor', () => {
  expect(() => eta(-0.1)).toThrow('eta: floor must be a number in [0, 1), got -0.1; 0 keeps every token');
});
