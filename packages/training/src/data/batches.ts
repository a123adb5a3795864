import { ValueError } from '@headwise/tensor';
import { hash, permutation } from '../random.ts';
import { IGNORED, type TokenBatch } from '../rows.ts';
import type { Batches } from './contract.ts';

/** What `tokenWindows` takes. */
export interface WindowOptions {
  /** The text: `Uint16Array`, `Uint32Array`, a list of ids. */
  readonly tokens: ArrayLike<number>;
  /** Tokens of a row. */
  readonly T: number;
  /** Rows of a batch. */
  readonly B: number;
  /** Decides the order, and where the rows begin in each epoch. */
  readonly seed: number;
}

/**
 * A long text as rows of T tokens, each with the token that comes next as its target. Every epoch cuts it at other places
 * and takes the rows in another order, both by the seed.
 *
 * @throws {ValueError} if a size is no whole number ≥ 1, or the text is shorter than two rows.
 */
export function tokenWindows({ tokens, T, B, seed }: WindowOptions): Batches<TokenBatch> {
  for (const [name, size] of Object.entries({ T, B })) atLeastOne('tokenWindows', name, size);
  const count = Math.floor((tokens.length - T) / T);
  if (count < 1)
    throw new ValueError('tokenWindows', 'tokens', `must be at least ${2 * T}, two rows`, tokens.length);
  const orderOf = lastOf((epoch: number) => permutation(count, seed, epoch));
  const row = (index: number, of: 0 | 1): number[] => {
    const epoch = Math.floor(index / count);
    const first = orderOf(epoch)[index % count]! * T + (hash(seed, epoch, 1) % T) + of;
    return Array.from({ length: T }, (_, i) => tokens[first + i]!);
  };
  return {
    name: `${tokens.length} tokens in rows of ${T}`,
    epoch: count / B,
    batch: (index) => ({
      ids: Array.from({ length: B }, (_, b) => row(index * B + b, 0)),
      targets: Array.from({ length: B }, (_, b) => row(index * B + b, 1)),
    }),
  };
}

/**
 * Documents one after the other in rows of T tokens, without padding: each epoch has them in another order by the seed. A
 * token sees its own document only, and the last of one is asked for nothing; one that goes beyond the end of a row goes on
 * in the next as a document of its own.
 *
 * @throws {ValueError} if a size is no whole number ≥ 1, or the documents do not fill a row.
 */
export function packedDocuments({
  documents,
  T,
  B,
  seed,
}: {
  readonly documents: readonly ArrayLike<number>[];
} & Omit<WindowOptions, 'tokens'>): Batches<TokenBatch> {
  for (const [name, size] of Object.entries({ T, B })) atLeastOne('packedDocuments', name, size);
  const total = documents.reduce((sum, { length }) => sum + length, 0);
  const count = Math.floor(total / T);
  if (count < 1)
    throw new ValueError('packedDocuments', 'documents', `must be at least ${T} tokens together`, total);
  const laidOut = lastOf((epoch: number) => {
    const order = permutation(documents.length, seed, epoch);
    const ends = new Float64Array(order.length);
    let end = 0;
    for (const [n, which] of order.entries()) {
      end += documents[which]!.length;
      ends[n] = end;
    }
    return { order, ends };
  });
  const row = (index: number): { ids: number[]; targets: number[]; lengths: number[] } => {
    const { order, ends } = laidOut(Math.floor(index / count));
    let at = (index % count) * T;
    const [ids, targets, lengths]: [number[], number[], number[]] = [[], [], []];
    for (let n = ends.findIndex((end) => end > at); ids.length < T; n++) {
      const document = documents[order[n]!]!;
      const start = ends[n]! - document.length;
      const taken = Math.min(ends[n]! - at, T - ids.length);
      for (let i = at - start; i < at - start + taken; i++) {
        ids.push(document[i]!);
        targets.push(document[i + 1] ?? IGNORED);
      }
      if (taken > 0) lengths.push(taken);
      at += taken;
    }
    return { ids, targets, lengths };
  };
  return {
    name: `${documents.length} documents in rows of ${T}`,
    epoch: count / B,
    batch(index) {
      const rows = Array.from({ length: B }, (_, b) => row(index * B + b));
      return {
        ids: rows.map(({ ids }) => ids),
        targets: rows.map(({ targets }) => targets),
        documents: rows.map(({ lengths }) => lengths),
      };
    },
  };
}

/**
 * Examples in a seeded order, B at a time; each epoch has another order. Batches go across the end of an epoch.
 * @throws {ValueError} if there is no example, or B is no whole number ≥ 1.
 */
export function shuffled<Example>(
  examples: readonly Example[],
  { B, seed }: { readonly B: number; readonly seed: number },
): Batches<readonly Example[]> {
  atLeastOne('shuffled', 'B', B);
  const count = examples.length;
  if (count === 0) throw new ValueError('shuffled', 'examples', 'must be at least one', 'none');
  const orderOf = lastOf((epoch: number) => permutation(count, seed, epoch));
  return {
    name: `${count} examples`,
    epoch: count / B,
    batch: (index) =>
      Array.from({ length: B }, (_, b) => {
        const at = index * B + b;
        return examples[orderOf(Math.floor(at / count))[at % count]!]!;
      }),
  };
}

/** The same batches, each through a function. Never throws. */
export function mapped<From, To>(batches: Batches<From>, make: (batch: From) => To): Batches<To> {
  return { ...batches, batch: (index) => make(batches.batch(index)) };
}

/**
 * Two sets: a share of the examples for checking, chosen by the seed, and the rest.
 * @throws {ValueError} unless the share is above 0 and below 1.
 */
export function split<Example>(
  examples: readonly Example[],
  { share, seed }: { readonly share: number; readonly seed: number },
): { readonly train: Example[]; readonly check: Example[] } {
  if (!(share > 0 && share < 1)) throw new ValueError('split', 'share', 'must be above 0 and below 1', share);
  const order = [...permutation(examples.length, seed)];
  const count = Math.max(1, Math.round(share * examples.length));
  const take = (places: number[]): Example[] => places.map((place) => examples[place]!);
  return { check: take(order.slice(0, count)), train: take(order.slice(count)) };
}

function lastOf<Value>(make: (key: number) => Value): (key: number) => Value {
  let last: { readonly key: number; readonly value: Value } | undefined;
  return (key) => {
    if (last?.key !== key) last = { key, value: make(key) };
    return last.value;
  };
}

function atLeastOne(op: string, name: string, size: number): void {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new ValueError(op, name, 'must be a whole number ≥ 1', size);
}
