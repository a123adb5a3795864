import { expect, it } from 'vitest';
import type { Quality, QualityCell } from './contract.ts';
import { meanOf, paretoLines, qualityLines } from './summary.ts';

const cell = (subject: string, seed: number, nats: number, more: Partial<QualityCell> = {}): QualityCell => ({
  id: `quality/equal-parameters/${subject}/${seed}`,
  subject,
  comparison: 'equal-parameters',
  seed,
  status: 'ok',
  nats,
  kv: { elementsPerToken: 4, bytesAtT: 100 },
  ...more,
});
const quality = (cells: readonly QualityCell[]): Quality => ({
  cells,
  plan: [],
  recipe: {} as Quality['recipe'],
});

it('a mean has the interval of Student', () => {
  // 1, 2, 3: mean 2, standard error 1/√3, t of 2 degrees of freedom 4.302652730
  expect(meanOf([1, 2, 3])).toMatchObject({ mean: 2, n: 3 });
  expect(meanOf([1, 2, 3]).high).toBeCloseTo(2 + 4.30265273 / Math.sqrt(3), 7);
  expect(meanOf([5])).toEqual({ mean: 5, low: -Infinity, high: Infinity, coverage: 1, n: 1 });
});

it('ratios pair runs of one seed, so that what the seed does to both leaves them alone', () => {
  const lines = qualityLines(
    quality([
      ...[1, 2, 3].map((seed) => cell('multi-head', seed, seed)),
      ...[1, 2, 3].map((seed) => cell('multi-query', seed, seed + Math.log(1.02) + (seed - 2) * 1e-4)),
      ...[1, 2, 3].map((seed) => cell('linear', seed, 2 * seed - 2)),
    ]),
    'multi-head',
  );
  const [base, query, linear] = lines;
  expect(base!.ratio).toBeUndefined();
  expect(base!.perplexity!.mean).toBeCloseTo(Math.exp(2), 12);
  expect(query!.ratio!.mean).toBeCloseTo(1.02, 10);
  expect(query!.told).toBe(true);
  expect(linear!.ratio!.mean).toBeCloseTo(1, 10);
  expect(linear!.told).toBe(false);
});

it('seeds that have no partner, or did not end, are left out and said', () => {
  const diverged = { status: 'diverged' as const, reason: 'step 7: the loss is NaN' };
  const lines = qualityLines(
    quality([
      cell('multi-head', 1, 2),
      cell('multi-head', 2, 2, diverged),
      cell('multi-query', 1, 3),
      cell('multi-query', 2, 3),
    ]),
    'multi-head',
  );
  expect(lines[0]).toMatchObject({ reasons: ['diverged: step 7: the loss is NaN'], done: { length: 1 } });
  expect(lines[1]!.ratio).toMatchObject({ n: 1, mean: Math.E });
  expect(lines[1]!.told).toBe(false); // one pair tells nothing apart
});

it('the front holds what no other beats in bytes, perplexity and time at once', () => {
  const timing = (ms: number) => ({
    device: 'wasm',
    engine: 'simd128',
    machine: 'm',
    seconds: 1,
    decodeMs: [ms],
  });
  const place = (bytesAtT: number, ms: number) => ({
    kv: { elementsPerToken: 1, bytesAtT },
    timing: timing(ms),
  });
  const lines = qualityLines(
    quality([
      cell('a', 1, 2, place(100, 1)),
      cell('b', 1, 2.1, place(50, 2)),
      cell('c', 1, 2.2, place(100, 2)), // beaten by both
      cell('d', 1, 3, place(200, 0.5)),
    ]),
    'a',
  );
  expect(paretoLines(lines).map(({ subject }) => subject)).toEqual(['a', 'b', 'd']);
});
