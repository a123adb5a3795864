import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters, entropy, normalRow, softmax } from '../testing/tools.ts';
import { dynamicTemperature } from './dynamic-temperature.ts';

checkSampler(() => dynamicTemperature({ minimum: 0.3, maximum: 1.7, exponent: 2 }));

it('is the maximum where all are equally likely, and near the minimum where one is certain', () => {
  expect(applyFilters(dynamicTemperature({ minimum: 0.5, maximum: 2 }), [4, 4, 4, 4]).logits).toEqual([
    2, 2, 2, 2,
  ]);
  expect(applyFilters(dynamicTemperature({ minimum: 0.5, maximum: 2 }), [40, 0, 0]).logits[0]).toBeCloseTo(
    80,
    6,
  );
});

it('follows the formula in between', () => {
  const row = normalRow(3, 200);
  const T = 0.4 + 1.2 * (entropy(softmax(row)) / Math.log(200)) ** 1.5;
  const got = applyFilters(dynamicTemperature({ minimum: 0.4, maximum: 1.6, exponent: 1.5 }), row).logits;
  got.forEach((l, i) => {
    expect(l).toBeCloseTo(row[i]! / T, 10);
  });
});

it('leaves a single candidate alone', () => {
  expect(applyFilters(dynamicTemperature({ minimum: 0.5, maximum: 2 }), [3, -Infinity]).logits).toEqual([3]);
});

it('refuses a minimum above the maximum', () => {
  expect(() => dynamicTemperature({ minimum: 2, maximum: 1 })).toThrow(
    'dynamic-temperature: maximum must be a number in [2, ∞), got 1; the maximum may not be below the minimum',
  );
});
