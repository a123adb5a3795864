/**
 * RASP-L: a language whose programs are what one pass of a causal transformer can do, and no more (Zhou et al. 2023, "What
 * Algorithms can Transformers Learn? A Study in Length Generalization", section 3, {@link https://arxiv.org/abs/2310.16028},
 * after Weiss et al. 2021, {@link https://arxiv.org/abs/2106.06981}).
 *
 * A sequence has a value for each token. What a feed-forward does to one place is `tokMap` and `seqMap`; what attention does
 * between places is `select` (who looks at whom, only backwards) and `aggregate` (what comes of it).
 *
 * ```text
 * tokens  [4, 7, 4]      select(tokens, tokens, equals)   1 · ·      width  [1, 1, 2]
 *                                                         · 1 ·
 *                                                         1 · 1
 * ```
 *
 * Two kinds of values keep programs learnable. A `token` is a whole number of 8 bits, and any function may read it. An `index`,
 * a place or a count, grows with the length: it may only be compared, and moved by a few places. A program that computes with
 * one is refused, unless it runs in `looseRasp`, which is RASP without the L.
 */
export interface Sequence {
  readonly kind: Kind;
  /** `[L]` */
  readonly values: readonly number[];
}

export type Kind = 'token' | 'index';

/** Row i: which places query i selects, itself and earlier ones only. */
export type Selector = readonly (readonly boolean[])[];

/** Of a key and a query. */
export type Predicate = (key: number, query: number) => boolean;

export type Reduction = 'mean' | 'min' | 'max';

/** A program broke a rule of the language; the words say which, and what to do instead. */
export class RaspError extends Error {
  override readonly name = 'RaspError';
}

export const equals: Predicate = (key, query) => key === query;
export const below: Predicate = (key, query) => key < query;
export const above: Predicate = (key, query) => key > query;

/** What a token can be: 8 bits, as in the paper. */
const [LEAST, MOST] = [-128, 127];
/** Most places an index is moved by: each is one step of a successor. */
const REACH = 8;

/** The language: what a program is written in. Functions throw {@link RaspError} where a rule is broken. */
export interface Rasp {
  /** Tokens of a text. */
  tokens(values: readonly number[]): Sequence;
  /** The same token everywhere. */
  full(like: Sequence, value: number): Sequence;
  /** 0, 1, 2 … */
  indices(like: Sequence): Sequence;
  /** One place at a time; tokens only. A truth value counts as 0 or 1. */
  tokMap(x: Sequence, of: (x: number) => number | boolean): Sequence;
  /** Two sequences, place by place; tokens only. */
  seqMap(x: Sequence, y: Sequence, of: (x: number, y: number) => number | boolean): Sequence;
  /** Two sequences of one kind, place by place: 1 where the predicate holds. Indices too. */
  compare(x: Sequence, y: Sequence, holds: Predicate): Sequence;
  /** An index some places further, or back. */
  move(index: Sequence, places: number): Sequence;
  /** Who looks at whom: j ≤ i where `holds(keys[j], queries[i])`. */
  select(keys: Sequence, queries: Sequence, holds: Predicate): Selector;
  /** Places that both select: one head with two conditions. */
  both(one: Selector, other: Selector): Selector;
  /** How many places each query selects: an index. */
  width(selector: Selector): Sequence;
  /** What the selected values come to; `otherwise` where none is selected. The mean is cut to a whole number. */
  aggregate(selector: Selector, values: Sequence, options?: AggregateOptions): Sequence;
  /** `aggregate(select(keys, queries, holds), values)`: one head of attention. */
  kqv(
    keys: Sequence,
    queries: Sequence,
    values: Sequence,
    holds: Predicate,
    options?: AggregateOptions,
  ): Sequence;
}

export interface AggregateOptions {
  /** Default `mean`. */
  readonly reduction?: Reduction | undefined;
  /** Default 0. */
  readonly otherwise?: number | undefined;
}

/** RASP-L. */
export const rasp: Rasp = languageOf(true);

/** RASP: any function may read an index, and tokens have no bounds. For programs whose lack of a RASP-L form is the point. */
export const looseRasp: Rasp = languageOf(false);

function languageOf(strict: boolean): Rasp {
  const made = (op: string, kind: Kind, values: readonly number[]): Sequence => {
    const wrong = values.findIndex((value) => !isAllowed(kind, value, strict));
    if (wrong >= 0)
      throw new RaspError(
        `${op}: a token must be a whole number from ${LEAST} to ${MOST}, place ${wrong} has ${values[wrong]}; sums that grow with the length have no RASP-L program`,
      );
    return { kind, values };
  };
  const readable = (op: string, ...all: readonly Sequence[]): void => {
    if (strict && all.some(({ kind }) => kind === 'index'))
      throw new RaspError(
        `${op}: must read tokens, got an index; RASP-L only compares indices (compare, select) and moves them (move)`,
      );
  };
  const together = (op: string, x: Sequence, y: Sequence): void => {
    if (x.values.length !== y.values.length)
      throw new RaspError(
        `${op}: sequences must have one length, got ${x.values.length} and ${y.values.length}`,
      );
    if (strict && x.kind !== y.kind)
      throw new RaspError(`${op}: must compare values of one kind, got ${x.kind} and ${y.kind}`);
  };
  const language: Rasp = {
    tokens: (values) => made('tokens', 'token', values),
    full: (like, value) =>
      made(
        'full',
        'token',
        like.values.map(() => value),
      ),
    indices: (like) => ({ kind: 'index', values: like.values.map((_, i) => i) }),
    tokMap(x, of) {
      readable('tokMap', x);
      return made(
        'tokMap',
        'token',
        x.values.map((value) => Number(of(value))),
      );
    },
    seqMap(x, y, of) {
      readable('seqMap', x, y);
      together('seqMap', x, y);
      return made(
        'seqMap',
        'token',
        x.values.map((value, i) => Number(of(value, y.values[i]!))),
      );
    },
    compare(x, y, holds) {
      together('compare', x, y);
      return { kind: 'token', values: x.values.map((value, i) => Number(holds(value, y.values[i]!))) };
    },
    move(index, places) {
      if (strict && (index.kind !== 'index' || !Number.isInteger(places) || Math.abs(places) > REACH))
        throw new RaspError(
          `move: must move an index by at most ${REACH} places, got ${index.kind} and ${places}`,
        );
      return { kind: index.kind, values: index.values.map((value) => value + places) };
    },
    select(keys, queries, holds) {
      together('select', keys, queries);
      return queries.values.map((query, i) => keys.values.map((key, j) => j <= i && holds(key, query)));
    },
    both: (one, other) => one.map((row, i) => row.map((selected, j) => selected && other[i]![j]!)),
    width: (selector) => ({ kind: 'index', values: selector.map((row) => row.filter(Boolean).length) }),
    aggregate(selector, { kind, values }, { reduction = 'mean', otherwise = 0 } = {}) {
      if (selector.length !== values.length)
        throw new RaspError(
          `aggregate: selector and values must have one length, got ${selector.length} and ${values.length}`,
        );
      const reduced = selector.map((row) => {
        const chosen = values.filter((_, j) => row[j]);
        return chosen.length === 0 ? otherwise : reduce(chosen, reduction);
      });
      return made('aggregate', kind, reduced);
    },
    kqv: (keys, queries, values, holds, options) =>
      language.aggregate(language.select(keys, queries, holds), values, options),
  };
  return language;
}

function isAllowed(kind: Kind, value: number, strict: boolean): boolean {
  return Number.isInteger(value) && (!strict || kind === 'index' || (value >= LEAST && value <= MOST));
}

function reduce(values: readonly number[], reduction: Reduction): number {
  if (reduction === 'min') return values.reduce((least, value) => Math.min(least, value));
  if (reduction === 'max') return values.reduce((most, value) => Math.max(most, value));
  return Math.trunc(values.reduce((sum, value) => sum + value, 0) / values.length);
}
