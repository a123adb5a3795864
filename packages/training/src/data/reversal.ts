import { ValueError } from '@headwise/tensor';
import { hash, hashAt } from '../random.ts';
import { IGNORED, type TokenBatch } from '../rows.ts';
import type { Batches } from './contract.ts';

/**
 * A task that attention learns in seconds: digits, a mark, and the same digits backwards.
 *
 * ```text
 * 3 1 4 = 4 1 3       targets: only what stands after the mark
 * ```
 *
 * Ids 0 … symbols − 1 are the digits, `symbols` is the mark. The way back is the diagonal that runs against the other.
 *
 * @throws {ValueError} for sizes that are no whole numbers ≥ 1.
 */
export function reversal({
  length,
  symbols = 10,
  B,
  seed,
}: {
  readonly length: number;
  readonly symbols?: number;
  readonly B: number;
  readonly seed: number;
}): Batches<TokenBatch> {
  for (const [name, size] of Object.entries({ length, symbols, B }))
    if (!Number.isSafeInteger(size) || size < 1)
      throw new ValueError('reversal', name, 'must be a whole number ≥ 1', size);
  const row = (index: number, b: number): number[] => {
    const key = hash(seed, index, b);
    const digits = Array.from({ length }, (_, i) => hashAt(key, i) % symbols);
    return [...digits, symbols, ...digits.toReversed()];
  };
  return {
    name: `reversal of ${length} of ${symbols} symbols`,
    epoch: Number.POSITIVE_INFINITY,
    batch(index) {
      const rows = Array.from({ length: B }, (_, b) => row(index, b));
      return {
        ids: rows.map((ids) => ids.slice(0, -1)),
        targets: rows.map((ids) => ids.slice(1).map((id, i) => (i < length ? IGNORED : id))),
      };
    },
  };
}
