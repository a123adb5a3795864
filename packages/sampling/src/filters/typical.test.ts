import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, entropy, manyRows, softmax } from '../testing/tools.ts';
import { typical } from './typical.ts';

checkSampler(() => typical(0.5));
checkSampler(() => typical(0.01, { minTokensToKeep: 4 }), { minTokensToKeep: 4 });

it('can remove the most likely token', () => {
  const p = [0.4, ...Array<number>(12).fill(0.05)];
  const left = applyFilters(typical(0.3), p.map(Math.log));
  expect(left.ids).not.toContain(0);
  expect(left.ids.length).toBeGreaterThan(0);
});

it.each([
  [0.2, 1],
  [0.7, 1],
  [0.95, 1],
  [0.1, 6],
])('mass %f, keeping at least %i, equals sorting by distance from the entropy', (mass, minTokensToKeep) => {
  for (const row of manyRows(42)) {
    const p = softmax(row);
    const expected = entropy(p);
    const distance = p.map((x) => Math.abs(-Math.log(x) - expected));
    const order = p.map((_, i) => i).sort((a, b) => distance[a]! - distance[b]! || a - b);
    let sum = 0;
    const last = order.findIndex((i) => (sum += p[i]!) >= mass);
    const edge =
      distance[order[Math.max(last < 0 ? p.length - 1 : last, Math.min(minTokensToKeep, p.length) - 1)]!]!;
    const want = distance.flatMap((d, i) => (d <= edge + 1e-12 ? [i] : []));
    expect(applyFilters(typical(mass, { minTokensToKeep }), row).ids).toEqual(want);
  }
});

it('cuts ties where it is told to: until the sum exceeds the mass, lower ids first', () => {
  const cut = (mass: number, more = {}) =>
    applyFilters(typical(mass, { ties: 'cut', ...more }), [1, 1, 1, 1]).ids;
  expect(applyFilters(typical(0.3), [1, 1, 1, 1]).ids).toEqual([0, 1, 2, 3]);
  expect(cut(0.3)).toEqual([0, 1]);
  expect(cut(0.5)).toEqual([0, 1, 2]);
  expect(cut(0.1, { minTokensToKeep: 3 })).toEqual([0, 1, 2]);
  expect(cut(0.6, { minTokensToKeep: 2 })).toEqual([0, 1, 2]);
  expect(() => typical(0.5, { ties: 'lower' as 'cut' })).toThrow("typical: ties must be 'keep' or 'cut'");
});

it('refuses a mass of 0', () => {
  expect(() => typical(0)).toThrow('typical: mass must be a number in (0, 1], got 0; 1 keeps every token');
});
