import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, descending, entropy, manyRows, softmax } from '../testing/tools.ts';
import { topH } from './top-h.ts';

checkSampler(() => topH(0.4));

it.each([0.1, 0.4, 0.8])('h = %f equals the definition over the best 100', (h) => {
  for (const row of manyRows(42)) {
    const best = descending(row).slice(0, 100);
    const p = softmax(best.map((id) => row[id]!));
    const limit = h * entropy(p);
    let running = 0;
    const count = p.findIndex((x, rank) => {
      running -= x > 0 ? x * Math.log(x) : 0;
      return rank > 0 && running > limit * (1 + 1e-12); // 10 of 100 equal terms are a tenth, whatever rounding says
    });
    const want = best.slice(0, count < 0 ? best.length : count).sort((a, b) => a - b);
    expect(applyFilters(topH(h), row).ids).toEqual(want);
  }
});

it('always keeps the first, and at h = 1 the best 100', () => {
  expect(applyFilters(topH(0.01), [3, 1, 2]).ids).toEqual([0]);
  expect(applyFilters(topH(1), new Float32Array(300)).ids).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

it('refuses h = 0', () => {
  expect(() => topH(0)).toThrow('top-h: h must be a number in (0, 1], got 0');
});
