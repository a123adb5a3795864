import { describe, expect, it } from 'vitest';
import { createRandom } from './random.ts';
import {
  differs,
  medianEstimate,
  orderRank,
  pairedRatio,
  quantile,
  ratioOfRatios,
  relativeHalfWidth,
  summarize,
  unpairedRatio,
} from './statistics.ts';

const samples = (values: readonly number[], first = 0) => values.map((ms, i) => ({ round: first + i, ms }));

describe('quantile', () => {
  it('interpolates between order statistics and does not sort its input', () => {
    const values = [40, 10, 30, 20];
    expect([0, 0.1, 0.5, 0.9, 1].map((p) => quantile(values, p))).toEqual([10, 13, 25, 37, 40]);
    expect(values).toEqual([40, 10, 30, 20]);
  });

  it('refuses an empty list', () => {
    expect(() => quantile([], 0.5)).toThrow('quantile: no values');
  });
});

describe('order-statistic interval', () => {
  // ranks from the published table of nonparametric 95 % intervals of the median
  it.each([
    [1, 1, 0],
    [5, 1, 0.9375],
    [6, 1, 0.96875],
    [8, 1, 0.9921875],
    [9, 2, 0.9609375],
    [20, 6, 0.9586105],
    [30, 10, 0.9572261],
    [100, 40, 0.9647998],
  ])('of n = %i takes rank %i', (n, k, coverage) => {
    const got = orderRank(n, 0.95);
    expect(got.k).toBe(k);
    expect(got.coverage).toBeCloseTo(coverage, 6);
  });

  it('covers the true median of a skewed distribution as often as it says', () => {
    const random = createRandom(7);
    const median = Math.log(2);
    let covered = 0;
    for (let run = 0; run < 4000; run++) {
      const { low, high } = medianEstimate(Array.from({ length: 12 }, () => -Math.log(1 - random())));
      if (low <= median && median <= high) covered++;
    }
    expect(covered / 4000).toBeGreaterThan(0.95);
    expect(covered / 4000).toBeLessThan(0.975); // n = 12 gives 96.1 %
  });

  it('says so when there are too few samples for 95 %', () => {
    expect(medianEstimate([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3, coverage: 0.75, n: 3 });
  });
});

describe('summarize', () => {
  it('keeps median, p10, p90 and n', () => {
    expect(summarize([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])).toMatchObject({
      median: 6,
      p10: 2,
      p90: 10,
      n: 11,
      low: 2,
      high: 10,
    });
  });
});

describe('pairedRatio', () => {
  it('is untouched by a slow minute that hits both rows', () => {
    const slow = [1, 1, 1, 10, 10, 10, 1, 1];
    const ratio = pairedRatio(samples(slow.map((s) => 3 * s)), samples(slow.map((s) => 2 * s)));
    expect(ratio).toMatchObject({ median: 1.5, low: 1.5, high: 1.5, n: 8 });
  });

  it('pairs by round, not by index, and drops rounds without a partner', () => {
    const ratio = pairedRatio(samples([9, 8, 6], 0), samples([4, 2, 7], 1));
    expect(ratio).toMatchObject({ median: 2.5, low: 2, high: 3, n: 2 });
  });

  it('keeps rounds with a time of 0, so that the ratio upside down is the same finding', () => {
    const a = samples([0, 1, 0, 1, 2, 2, 2, 2]);
    const b = samples([1, 0, 1, 0, 1, 1, 1, 1]);
    const [there, back] = [pairedRatio(a, b)!, pairedRatio(b, a)!];
    expect(there).toMatchObject({ median: 2, low: 0, high: Infinity, n: 8 });
    expect(back).toMatchObject({ median: 0.5, low: 1 / there.high, high: 1 / there.low, n: 8 });
    expect(pairedRatio(samples([0, 1, 0, 1]), samples([1, 0, 1, 0]))).toMatchObject({
      low: 0,
      high: Infinity,
      n: 4,
    });
    expect(pairedRatio(samples([1, 1, 1]), samples([0, 0, 0]))).toMatchObject({
      median: Infinity,
      low: Infinity,
    });
    expect(pairedRatio(samples([0, 3]), samples([0, 1]))).toMatchObject({ median: 3, n: 1 });
  });

  it('is undefined when no round has both', () => {
    expect(pairedRatio(samples([1]), samples([1], 5))).toBeUndefined();
  });
});

describe('unpairedRatio', () => {
  it('encloses the ratio and covers at least what was asked', () => {
    const random = createRandom(3);
    const draw = (center: number) => Array.from({ length: 15 }, () => center * (0.9 + 0.2 * random()));
    let covered = 0;
    for (let run = 0; run < 1000; run++) {
      const { low, high, coverage } = unpairedRatio(draw(3), draw(2));
      expect(coverage).toBeGreaterThanOrEqual(0.95);
      if (low <= 1.5 && 1.5 <= high) covered++;
    }
    expect(covered / 1000).toBeGreaterThan(0.95);
  });
});

it('leaves open what two ratios without end say of each other', () => {
  const without = (confidence: number) => pairedRatio(samples([1, 1, 1]), samples([0, 0, 0]), confidence);
  expect(ratioOfRatios(without, without)).toMatchObject({ median: 1, low: 0, high: Infinity });
  expect(unpairedRatio([0, 0, 0], [0, 0, 0])).toMatchObject({ median: 1, low: 0, high: Infinity });
  expect(unpairedRatio([2, 2, 2], [0, 0, 0])).toMatchObject({ median: Infinity, low: Infinity });
  expect(relativeHalfWidth({ low: 1, high: Infinity, median: Infinity, coverage: 0.95, n: 9 })).toBe(
    Infinity,
  );
});

it('tells ratios apart from 1 by their interval only', () => {
  expect(differs({ low: 1.01, high: 1.2, coverage: 0.95 })).toBe(true);
  expect(differs({ low: 0.7, high: 0.9, coverage: 0.95 })).toBe(true);
  expect(differs({ low: 0.9, high: 1.3, coverage: 0.95 })).toBe(false);
  expect(differs({ low: 1.5, high: 1.6, coverage: 0.9375 })).toBe(false); // five samples
  expect(relativeHalfWidth({ low: 8, high: 12, median: 10, coverage: 0.95, n: 9 })).toBe(0.2);
});
