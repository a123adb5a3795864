import { Candidates } from '../candidates.ts';
import type { Filter, History } from '../contract.ts';
import type { Random } from '../random/contract.ts';
import { createRandom } from '../random/xoshiro.ts';

/** What a filter left of a row. */
export interface Left {
  readonly ids: readonly number[];
  readonly logits: readonly number[];
  readonly probabilities: readonly number[];
  readonly note: string | undefined;
}

/** Runs filters one after another over a row. */
export function applyFilters(
  filters: Filter | readonly Filter[],
  row: ArrayLike<number>,
  history: History & { readonly random?: Random } = {},
): Left {
  const candidates = new Candidates().load(Float32Array.from(row));
  const context = { ids: [], promptLength: 0, random: createRandom(1), ...history };
  for (const filter of [filters].flat()) filter.apply(candidates, context, filter.start?.());
  const note = candidates.takeNote();
  const indices = Array.from({ length: candidates.size }, (_, i) => i);
  return {
    ids: indices.map((i) => candidates.ids[i]!),
    logits: indices.map((i) => candidates.logits[i]!),
    probabilities: indices.map((i) => candidates.probability(i)),
    note,
  };
}

/** Normal logits from a seed. With `step`, rounded to multiples of it, so that many are equal. */
export function normalRow(seed: number, size: number, spread = 2, step = 0): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: size }, () => {
    const radius = spread * Math.sqrt(-2 * Math.log(1 - random.next()));
    const value = radius * Math.cos(2 * Math.PI * random.next());
    return step > 0 ? Math.round(value / step) * step : value;
  });
}

/** Rows of several sizes and kinds, some with many equal logits. */
export function manyRows(count: number): readonly Float32Array[] {
  return Array.from({ length: count }, (_, seed) => {
    const size = [1, 2, 7, 63, 100, 500, 5000][seed % 7]!;
    return normalRow(seed, size, [0.2, 2, 8][seed % 3]!, seed % 2 === 0 ? 0 : 0.5);
  });
}

/** Softmax, written down as plainly as possible. */
export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const max = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = values.map((l) => Math.exp(l - max));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

/** Entropy in nats. */
export function entropy(p: readonly number[]): number {
  return -p.reduce((sum, x) => sum + (x > 0 ? x * Math.log(x) : 0), 0);
}

/** Indices from the largest key to the smallest; equal keys in order. */
export function descending(keys: ArrayLike<number>): number[] {
  return Array.from(keys, (_, i) => i).sort((a, b) => keys[b]! - keys[a]! || a - b);
}

/**
 * Pearson's test of counts against probabilities. Expected counts below 5 are put together.
 *
 * `limit` is the 1 − 10⁻⁴ quantile (Wilson and Hilferty 1931): a right sampler with a fresh seed exceeds it once in
 * ten thousand times. The tests use fixed seeds, so they always give the same answer.
 */
export function chiSquare(
  counts: ReadonlyMap<number, number>,
  probabilities: readonly number[],
): { readonly statistic: number; readonly limit: number } {
  const draws = [...counts.values()].reduce((a, b) => a + b, 0);
  let statistic = 0;
  let degrees = -1;
  let rareSeen = 0;
  let rareExpected = 0;
  const add = (seen: number, expected: number) => {
    statistic += (seen - expected) ** 2 / expected;
    degrees++;
  };
  probabilities.forEach((p, id) => {
    const seen = counts.get(id) ?? 0;
    if (p * draws >= 5) add(seen, p * draws);
    else {
      rareSeen += seen;
      rareExpected += p * draws;
    }
  });
  if (rareExpected >= 1) add(rareSeen, rareExpected);
  else if (rareSeen > 5) statistic = Infinity; // what has no probability should not come
  const z = 3.719;
  const limit = degrees * (1 - 2 / (9 * degrees) + z * Math.sqrt(2 / (9 * degrees))) ** 3;
  return { statistic, limit };
}

/** How often each outcome came in `draws` calls. */
export function tally(draws: number, next: () => number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < draws; i++) {
    const id = next();
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}
