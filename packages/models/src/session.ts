import { type Cache, createStates, cropStates } from '@headwise/kv-cache';
import {
  type AttentionExtra,
  checkIds,
  createPositions,
  type Device,
  gather,
  type LayerSpec,
  type LayerState,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { runBlock } from './block.ts';
import type { Decoder } from './decoder.ts';

/** Makes the states of all layers of a model; `createStates` of `@headwise/kv-cache` is one. */
export type StatesFactory = (
  /** What each layer keeps, in order. */
  specs: readonly LayerSpec[],
  options: {
    readonly device: Device;
    /** Sequences. */
    readonly B: number;
    /** Most tokens that a layer without a window holds. */
    readonly capacity: number;
  },
) => readonly LayerState[];

/** How a text is begun. */
export interface SessionOptions {
  /** Sequences, which advance together. Default 1. */
  readonly B?: number | undefined;
  /** Tokens to make room for. Default the model's context, which must then have a bound. */
  readonly capacity?: number | undefined;
  /**
   * Other caches: `(specs, options) => createStates(specs, { ...options, create })`. Default `createStates`:
   * contiguous, a ring for a window.
   */
  readonly cache?: StatesFactory | undefined;
  /**
   * Most positions. Default the capacity, or no bound when every layer forgets; at most the model's context.
   * Say `Infinity` for caches that evict.
   */
  readonly limit?: number | undefined;
}

/** What a look inside gets, layer by layer. The tensors are freed after the call; `keep()` one to hold on to it. */
export interface LayerLook {
  readonly layer: number;
  /** `[B, L, E]`, what comes out of the block. */
  readonly y: Tensor<'B L E'>;
  /** What was asked for by name: `weights [B, H, Lq, Lk]`, … */
  readonly extras: { readonly [Name in AttentionExtra]?: Tensor };
}

/** Looking inside a step, at its cost. */
export interface StepOptions {
  readonly look?: ((look: LayerLook) => void) | undefined;
  /** What attention is to return for the look. */
  readonly extras?: readonly AttentionExtra[] | undefined;
}

/** Ids of one sequence, or of each of the B. */
export type StepIds = readonly number[] | readonly (readonly number[])[];

/**
 * A text in progress: B sequences with the states of all layers. The first step is the prompt, in one piece or in
 * chunks; every step appends to the states and returns logits.
 *
 * Whatever is refused leaves the session as it was. When a device fails in the middle of a step, some layers have
 * the new tokens and some have not; the session then refuses to go on.
 */
export class Session implements Disposable {
  readonly B: number;
  /** Most positions it can reach. */
  readonly limit: number;
  readonly #decoder: Decoder;
  #states: LayerState[];
  #length = 0;
  #broken: string | undefined;

  /** @throws {ValueError} if the capacity has no bound, or the limit is beyond the model's context. */
  constructor(decoder: Decoder, options: SessionOptions = {}) {
    const { device, specs, context } = decoder;
    const { B = 1, capacity = context, cache = createStates } = options;
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new ValueError(
        'session',
        'capacity',
        'must be a whole number ≥ 1 (the default is the model’s context)',
        capacity,
      );
    const forgets = specs.every(
      ({ kind, cap }) => ['recurrent', 'shared'].includes(kind) || (kind === 'window' && cap <= capacity),
    );
    this.limit = options.limit ?? Math.min(forgets ? Infinity : capacity, context);
    if (this.limit > context)
      throw new ValueError(
        'session',
        'limit',
        `must be at most the model’s ${context} positions`,
        this.limit,
      );
    this.B = B;
    this.#decoder = decoder;
    this.#states = [...cache(specs, { device, B, capacity })];
    if (this.#states.length !== specs.length)
      throw new ValueError(
        'session',
        'cache',
        `must make ${specs.length} states, one a layer`,
        this.#states.length,
      );
  }

  /** Tokens seen so far. */
  get length(): number {
    return this.#length;
  }

  /** The states, one a layer: what the caches hold, byte by byte. */
  get states(): readonly LayerState[] {
    return this.#states;
  }

  /**
   * Appends tokens and returns the logits that follow the last of them.
   *
   * @param ids `[L]`, or B rows of equal length
   * @returns `[B, V]`
   * @throws {ValueError} for an id outside the vocabulary, or more tokens than there is room for; nothing has
   * been written then.
   */
  step(ids: StepIds, options: StepOptions = {}): Tensor<'B V'> {
    return this.#run(ids, options, (x, L) => {
      const { B } = this;
      const last = Int32Array.from({ length: B }, (_, b) => b * L + L - 1);
      const rows = x.reshape<'N E'>([B * L, this.#decoder.shape.E]);
      return this.#decoder.head<'B V'>(gather(rows, tensor<'B'>(x.device, last, [B])));
    });
  }

  /** Appends tokens and returns the logits after each of them, `[B, L, V]`. Errors as in `step`. */
  forward(ids: StepIds, options: StepOptions = {}): Tensor<'B L V'> {
    return this.#run(ids, options, (x) => this.#decoder.head<'B L V'>(x));
  }

  /**
   * Takes back the tokens from position `length` on, where the caches can.
   * @throws {ValueError} if `length` is more than there is, or a cache cannot.
   */
  crop(length: number): void {
    if (length === this.#length) return;
    if (!Number.isInteger(length) || length < 0 || length > this.#length)
      throw new ValueError(
        'session.crop',
        'length',
        `must be a whole number from 0 to ${this.#length}`,
        length,
      );
    const states = this.#states.filter(isCache);
    if (states.length < this.#states.length)
      throw new ValueError('session.crop', 'cache', 'must be one that can crop', 'one that cannot');
    cropStates(states, length);
    this.#length = length;
  }

  /** Frees the states. Never throws. */
  dispose(): void {
    for (const state of this.#states) state.dispose();
    this.#states = [];
    this.#broken = 'it is disposed';
  }

  /** As `dispose`, for `using`. Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #run<Axes extends string>(
    ids: StepIds,
    { look, extras }: StepOptions,
    finish: (x: Tensor<'B L E'>, L: number) => Tensor<Axes>,
  ): Tensor<Axes> {
    const { flat, L } = this.#check(ids);
    const { device, shape, position } = this.#decoder;
    try {
      const logits = scope(() => {
        const positions = createPositions(device, { start: this.#length, L });
        let x = this.#decoder.embed(tensor<'B L'>(device, flat, [this.B, L]));
        if (position?.kind === 'input') x = position.encode(x, positions);
        const states = this.#states.map((state, layer) => {
          const { parts: block, weights } = this.#decoder.block(layer);
          const result = runBlock(block, x, weights, { shape, layer, state, positions, extras });
          look?.({ layer, y: result.y, extras: result.extras });
          x = result.y;
          return result.state;
        });
        this.#states = states;
        return finish(x, L);
      });
      this.#length += L;
      return logits;
    } catch (error) {
      if (this.#states.some((state) => state.length !== this.#length))
        this.#broken = `a step failed half-way (${(error as Error).message.split('\n')[0]})`;
      throw error;
    }
  }

  #check(ids: StepIds): { flat: Int32Array; L: number } {
    if (this.#broken !== undefined)
      throw new ValueError(
        'session',
        'step',
        `is not possible, ${this.#broken}; start a new one`,
        this.#length,
      );
    const rows = (
      typeof ids[0] === 'number' || ids.length === 0 ? [ids] : ids
    ) as readonly (readonly number[])[];
    const L = rows[0]!.length;
    if (rows.length !== this.B) throw new ValueError('session', 'ids', `must be ${this.B} rows`, rows.length);
    if (L === 0 || rows.some((row) => row.length !== L))
      throw new ValueError(
        'session',
        'ids',
        'must be rows of one length, at least 1',
        rows.map((row) => row.length),
      );
    const flat = rows.flat();
    checkIds('session', flat, this.#decoder.shape.V);
    const room = this.limit - this.#length;
    if (L > room)
      throw new ValueError(
        'session',
        'ids',
        `must be at most ${room} tokens (${this.limit} positions, ${this.#length} of them taken; a session with a larger capacity has more)`,
        L,
      );
    return { flat: Int32Array.from(flat), L };
  }
}

function isCache(state: LayerState): state is Cache {
  return 'crop' in state;
}
