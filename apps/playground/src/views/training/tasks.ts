import { type Batches, hash, hashAt, IGNORED, reversal, type TokenBatch } from '@headwise/training';
import { LENGTH } from './task-list.ts';

/** What there is to learn: rows of ids, and what the ids are called. */
export interface Task {
  /** Ids that there are. */
  readonly V: number;
  /** Tokens of a row. */
  readonly T: number;
  readonly batches: (B: number, seed: number) => Batches<TokenBatch>;
  readonly nameOf: (id: number) => string;
}

const SYMBOLS = 10;
/** Counting is shown its first two numbers. */
const GIVEN = 2;

const digit = (id: number): string => (id === SYMBOLS ? '=' : String(id));

/** Rows of one kind by number, the same whenever they are asked for. */
function rowsOf(name: string, row: (key: number) => { ids: readonly number[]; from: number }) {
  return (B: number, seed: number): Batches<TokenBatch> => ({
    name,
    epoch: Number.POSITIVE_INFINITY,
    batch(index) {
      const rows = Array.from({ length: B }, (_, b) => row(hash(seed, index, b)));
      return {
        ids: rows.map(({ ids }) => ids.slice(0, -1)),
        // what cannot be known from what stands before does not count
        targets: rows.map(({ ids, from }) => ids.slice(1).map((id, i) => (i + 1 < from ? IGNORED : id))),
      };
    },
  });
}

/** By the name that a link says. */
export const tasks: Readonly<Record<string, Task>> = {
  reversal: {
    V: SYMBOLS + 1,
    T: 2 * LENGTH,
    batches: (B, seed) => reversal({ length: LENGTH, symbols: SYMBOLS, B, seed }),
    nameOf: digit,
  },
  copy: {
    V: SYMBOLS + 1,
    T: 2 * LENGTH,
    batches: rowsOf(`copy of ${LENGTH} of ${SYMBOLS} symbols`, (key) => {
      const digits = Array.from({ length: LENGTH }, (_, i) => hashAt(key, i) % SYMBOLS);
      return { ids: [...digits, SYMBOLS, ...digits], from: LENGTH + 1 };
    }),
    nameOf: digit,
  },
  counting: {
    V: SYMBOLS,
    T: 2 * LENGTH,
    batches: rowsOf(`counting modulo ${SYMBOLS}`, (key) => {
      const start = hashAt(key, 0) % SYMBOLS;
      const by = 1 + (hashAt(key, 1) % (SYMBOLS - 1));
      const ids = Array.from({ length: 2 * LENGTH + 1 }, (_, i) => (start + i * by) % SYMBOLS);
      return { ids, from: GIVEN };
    }),
    nameOf: digit,
  },
};
