import { ValueError } from '@headwise/tensor';
import { hash, hashAt } from '../random.ts';
import { IGNORED, type TokenBatch } from '../rows.ts';
import type { TranslationBatch } from '../translation-loss.ts';
import type { Batches } from './contract.ts';

interface ReversalOptions {
  /** Digits of a row: all of them, or at most. */
  readonly length: number;
  /** How many digits there are. Default 10. */
  readonly symbols?: number;
  readonly B: number;
  readonly seed: number;
}

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
export function reversal({ length, symbols = 10, B, seed }: ReversalOptions): Batches<TokenBatch> {
  checkSizes('reversal', { length, symbols, B });
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

/**
 * The same for an encoder with a decoder, as a translation: digits are read, the same digits backwards are written.
 *
 * ```text
 * 3 1 4    →    = 4 1 3       targets: 4 1 3 =
 * ```
 *
 * The mark begins a text and ends it. Rows are of `length` digits or up to two fewer.
 *
 * @throws {ValueError} for sizes that are no whole numbers ≥ 1.
 */
export function reversedSources({
  length,
  symbols = 10,
  B,
  seed,
}: ReversalOptions): Batches<TranslationBatch> {
  checkSizes('reversedSources', { length, symbols, B });
  const digitsOf = (index: number, b: number): number[] => {
    const key = hash(seed, index, b);
    const own = length - (hashAt(key, length) % Math.min(3, length));
    return Array.from({ length: own }, (_, i) => hashAt(key, i) % symbols);
  };
  return {
    name: `reversal of at most ${length} of ${symbols} symbols, read and written`,
    epoch: Number.POSITIVE_INFINITY,
    batch(index) {
      const sources = Array.from({ length: B }, (_, b) => digitsOf(index, b));
      const written = sources.map((digits) => digits.toReversed());
      return {
        sources,
        ids: written.map((digits) => [symbols, ...digits]),
        targets: written.map((digits) => [...digits, symbols]),
      };
    },
  };
}

function checkSizes(op: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes))
    if (!Number.isSafeInteger(size) || size < 1)
      throw new ValueError(op, name, 'must be a whole number ≥ 1', size);
}
