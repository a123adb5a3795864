import type { Tensor } from '../tensor.ts';
import type { Positions } from './position.ts';

/** How a layer remembers: all keys and values, the last W, latents, a state of constant size, or another layer's. */
export type StateKind = 'full' | 'window' | 'latent' | 'recurrent' | 'shared';

/**
 * What one layer keeps, from config alone: the estimator, the allocator and the benchmark all read this.
 */
export interface LayerSpec {
  readonly kind: StateKind;
  /** What one token adds, by name and per sequence: `{ k: [Hkv, D], v: [Hkv, Dv] }`, `{ latent: [dc + dR] }`. */
  readonly rows: Readonly<Record<string, readonly number[]>>;
  /** Most tokens ever kept (a window's W); Infinity for all. */
  readonly cap: number;
  /** For `window`: the first tokens of a sequence, which are never forgotten (StreamingLLM); counted in `cap`. Default 0. */
  readonly sinks?: number;
  /** State of constant size per sequence, by name: `{ S: [H, D, Dv], z: [H, D] }`. Empty but for `recurrent`. */
  readonly constant: Readonly<Record<string, readonly number[]>>;
  /** For `shared`: the earlier layer whose state this one reads. */
  readonly producer?: number;
}

/**
 * What attention reads of a layer's state: tensors that stay the cache's own (do not dispose them, valid until
 * the next append), and which of their slots count.
 */
export interface StateView {
  /** By the names of the spec, `[B, capacity, ...row]`. */
  readonly rows: Readonly<Record<string, Tensor>>;
  /** Slots in use. */
  readonly valid: number;
  /** Position of the first token of the last append: the offset of its queries. */
  readonly offset: number;
  /** `[B | 1, capacity]` i32, −1 for an empty slot; absent when slot j holds position j. */
  readonly keyPositions?: Tensor<'B Lk', 'i32'>;
  /** `[B | 1, Lq]` i32, when the cache re-indexes positions (sinks); absent: `offset + i`. */
  readonly queryPositions?: Tensor<'B Lq', 'i32'>;
  /** The same with their host numbers, from a state that turns keys: where to turn the queries. */
  readonly turnQueriesAt?: Positions;
  /** `[B | 1, capacity]` i32: last query position that sees each slot; absent for no bound. */
  readonly keyUntil?: Tensor<'B Lk', 'i32'>;
}

/**
 * The state of one layer, handed to the layer and handed back. Made by `@headwise/kv-cache` or by anyone who
 * fulfils this.
 */
export interface LayerState {
  readonly spec: LayerSpec;
  /** Which layer of the model it belongs to. */
  readonly layer: number;
  /** Sequences. */
  readonly B: number;
  /** Tokens seen so far. */
  readonly length: number;
  /**
   * The cache turns keys itself, at positions of its own (StreamingLLM): append them unturned, and turn the
   * queries at the view's `turnQueriesAt`. Absent for caches that keep what they are given.
   */
  readonly turnsKeys?: boolean;
  /**
   * Adds `[B, L, ...row]` of each name and returns what the queries of these L tokens may read.
   * @throws {ValueError} if it does not fit; the state is then as it was. A `shared` state refuses.
   */
  append(rows: Readonly<Record<string, Tensor>>): StateView;
  /** What was returned by the last append (of the producer, for `shared`). */
  view(): StateView;
  /** For `recurrent`: the tensors `[B, ...constant]` by name. */
  constants(): Readonly<Record<string, Tensor>>;
  /** For `recurrent`: takes over new tensors (and disposes the old) after `tokens` more tokens. */
  advance(constants: Readonly<Record<string, Tensor>>, tokens: number): void;
  /** Frees what it holds. */
  dispose(): void;
}
