import { expect, it } from 'vitest';
import { crossing, kthLargest } from './select.ts';
import { descending, manyRows, softmax } from './testing/tools.ts';

it('finds the k-th largest of anything', () => {
  for (const row of manyRows(42)) {
    const sorted = Array.from(row).sort((a, b) => b - a);
    for (const k of [1, Math.ceil(row.length / 3), row.length]) {
      const values = Float64Array.from(row);
      expect(kthLargest(values, row.length, k) === sorted[k - 1]).toBe(true);
      const positive = (list: Iterable<number>) => Array.from(list, (value) => value + 0); // -0 as 0
      expect(positive(values.slice(0, k).sort().reverse())).toEqual(positive(sorted.slice(0, k)));
    }
  }
});

it('stays linear on sorted and on equal values', () => {
  // a quadratic selection would take minutes here
  const n = 300_000;
  expect(
    kthLargest(
      Float64Array.from({ length: n }, (_, i) => i),
      n,
      10,
    ),
  ).toBe(n - 10);
  expect(kthLargest(new Float64Array(n).fill(3), n, 1000)).toBe(3);
});

it('finds where the running sum of weights crosses a target, ties by index', () => {
  for (const row of manyRows(42)) {
    const keys = Float64Array.from(row);
    const weights = Float64Array.from(softmax(row));
    const order = descending(keys);
    for (const target of [0, 0.001, 0.3, 0.77, 0.9999]) {
      for (const exceed of [true, false]) {
        let sum = 0;
        const rank = order.findIndex((i) => {
          sum += weights[i]!;
          return exceed ? sum > target : sum >= target;
        });
        const got = crossing(keys, weights, row.length, target, exceed, new Uint32Array(row.length));
        expect(got).toBe(order[rank < 0 ? order.length - 1 : rank]);
      }
    }
  }
});

it('returns the last entry with a weight where the sum stays below the target', () => {
  const keys = Float64Array.of(5, 4, 3);
  const order = new Uint32Array(3);
  expect(crossing(keys, Float64Array.of(0.5, 0.4, 0), 3, 2, true, order)).toBe(1);
  const many = Float64Array.from({ length: 100 }, (_, i) => -i);
  const weights = new Float64Array(100).fill(0.01, 0, 60);
  expect(crossing(many, weights, 100, 2, true, new Uint32Array(100))).toBe(59);
});
