import type { Tensor } from '../tensor.ts';
import type { Positions } from './position.ts';

/** How a layer remembers: all keys and values, the last W, latents, a state of constant size, or another layer's. */
export type StateKind = 'full' | 'window' | 'latent' | 'recurrent' | 'shared';

/** Rows that are made of those of several tokens, so that there is one every so many: means of blocks of keys. */
export interface PooledRow {
  /** The rows it is made of: a name of the spec's `rows`. */
  readonly of: string;
  /** Its own shape. */
  readonly row: readonly number[];
  /** Tokens from one to the next: number j begins with the token at position `every · j`. */
  readonly every: number;
  /** Tokens that one is made of. Default `every`; more of them overlap. */
  readonly over?: number | undefined;
}

/**
 * What makes pooled rows: those of some tokens `[N, over, ...row]` to `[N, ...pooled row]`, each by itself. The layer's
 * function, given to an append; how many it is asked for at once is the state's business.
 */
export type Pool = (name: string, tokens: Tensor) => Tensor;

/**
 * What one part of a layer keeps, from config alone: the estimator, the allocator and the benchmark all read this.
 */
export interface LayerSpec {
  readonly kind: StateKind;
  /** What one token adds, by name and per sequence: `{ k: [Hkv, D], v: [Hkv, Dv] }`, `{ latent: [dc + dR] }`. */
  readonly rows: Readonly<Record<string, readonly number[]>>;
  /**
   * What is kept once every so many tokens, by name: number j as soon as the last of its tokens is there. Of states that
   * keep every token (`full`, `latent`). Default none.
   */
  readonly pooled?: Readonly<Record<string, PooledRow>> | undefined;
  /** Most tokens ever kept (a window's W); Infinity for all. */
  readonly cap: number;
  /** For `window`: the first tokens of a sequence, which are never forgotten (StreamingLLM); counted in `cap`. Default 0. */
  readonly sinks?: number;
  /** State of constant size per sequence, by name: `{ S: [H, D, Dv], z: [H, D] }`. Empty but for `recurrent`. */
  readonly constant: Readonly<Record<string, readonly number[]>>;
  /** For `shared`: the id of the earlier state that this one reads. */
  readonly producer?: string;
}

/**
 * The id of a state: the layer that keeps it, and the part of the layer, of which there may be several. Never throws.
 *
 * @example
 * stateId(3, 'cross') // '3.cross'
 */
export function stateId(layer: number, part = 'self'): string {
  return `${layer}.${part}`;
}

/**
 * What attention reads of a state: tensors that stay the cache's own (do not dispose them, valid until the next
 * append), and which of their slots count.
 *
 * The form of a view does not change from one step to the next of the same shape: what changes are numbers in
 * tensors. Sequences that are equally long and stand in order need no positions; those of different lengths are
 * given by `queryPositions` and `keyPositions`.
 */
export interface StateView {
  /**
   * By the names of the spec, `[B, capacity, ...row]`; pooled ones `[B, n, ...row]`, of which a query at position p may
   * read those that end at or before it: number j while `every · j + over ≤ p + 1`. Beside pooled rows the positions of
   * keys are below the number of slots.
   */
  readonly rows: Readonly<Record<string, Tensor>>;
  /** Slots in use, of the sequence that uses most. */
  readonly valid: number;
  /** Position of the first token of the last append: the offset of its queries, where all sequences are equally long. */
  readonly offset: number;
  /** `offset` and `valid` on the device, `[2]` i32: in place of the two in a call of attention. */
  readonly cursor?: Tensor<'2', 'i32'>;
  /** `[B | 1, capacity]` i32, −1 for an empty slot; absent when slot j of every sequence holds position j. */
  readonly keyPositions?: Tensor<'B Lk', 'i32'>;
  /** `[B | 1, Lq]` i32, −1 for nobody; absent: `offset + i`. */
  readonly queryPositions?: Tensor<'B Lq', 'i32'>;
  /** The same with their host numbers, from a state that turns keys: where to turn the queries. */
  readonly turnQueriesAt?: Positions;
  /** `[B | 1, capacity]` i32: last query position that sees each slot; absent for no bound. */
  readonly keyUntil?: Tensor<'B Lk', 'i32'>;
}

/**
 * How many tokens an append brings: L for every sequence, or those of each that stand somewhere (positions ≥ 0), in
 * order, from the sequence's own length on.
 */
export type Tokens = number | Positions;

/**
 * What one part of a layer keeps between calls, handed to the layer and handed back. Made by `@headwise/kv-cache`,
 * by `createThrough` (which keeps nothing), or by anyone who fulfils this.
 *
 * Every sequence has a length of its own. Whatever is refused leaves the state as it was.
 */
export interface LayerState {
  readonly spec: LayerSpec;
  /** Which state of the model it is: `stateId(layer, part)`, `"3.self"`. */
  readonly id: string;
  /** Sequences. */
  readonly B: number;
  /** Tokens that the longest sequence has seen. */
  readonly length: number;
  /** Tokens that each sequence has seen, `[B]`. */
  readonly lengths: readonly number[];
  /**
   * The cache turns keys itself, at positions of its own (StreamingLLM): append them unturned, and turn the
   * queries at the view's `turnQueriesAt`. Absent for caches that keep what they are given.
   */
  readonly turnsKeys?: boolean;
  /**
   * Throws what an append (or an advance) of these tokens would, and changes nothing: so that the layers of a model
   * grow all or none.
   * @throws {ValueError} if they do not fit.
   */
  check(tokens: Tokens): void;
  /**
   * Adds `[B, L, ...row]` of each name and returns what the queries of these L tokens may read.
   *
   * @param at where each token stands: it continues its sequence, or is −1, which is nobody and leaves no trace.
   * Default: L more tokens of every sequence.
   * @param pool makes the pooled rows that these tokens complete, where the spec has some
   * @throws {ValueError} if it does not fit; the state is then as it was. A `shared` state refuses.
   */
  append(rows: Readonly<Record<string, Tensor>>, at?: Positions, pool?: Pool): StateView;
  /**
   * The host's half of an append whose rows come later, from a step that is recorded: lengths, slots, positions and cursor
   * are those of afterwards, and the view is what the append will return. The next append of the same tokens stores rows
   * and nothing else. Undefined where rows do not go by slots that stand in memory; nothing has changed then. Absent
   * where that is never so.
   * @throws {ValueError} as `append`.
   */
  announce?(at: Positions): StateView | undefined;
  /**
   * What was returned by the last append (of the producer, for `shared`).
   * @throws {ValueError} if nothing was appended, or it keeps no rows.
   */
  view(): StateView;
  /** For `recurrent`: the tensors `[B, ...constant]` by name. @throws {ValueError} if it keeps none. */
  constants(): Readonly<Record<string, Tensor>>;
  /**
   * For `recurrent`: takes over new tensors (and disposes the old) after these tokens more.
   * @throws {ValueError} if it keeps none, or they do not fit; the state is then as it was.
   */
  advance(constants: Readonly<Record<string, Tensor>>, tokens: Tokens): void;
  /** Frees what it holds. Never throws. */
  dispose(): void;
}
