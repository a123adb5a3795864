import {
  type Cache,
  CacheFileError,
  checkStates,
  cloneStates,
  createStates,
  cropStates,
  loadStates,
  saveStates,
  takeStates,
} from '@headwise/kv-cache';
import type { Step } from '@headwise/sampling';
import {
  checkIds,
  createPositions,
  type Device,
  gather,
  type LayerState,
  NOBODY,
  type Positions,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import type {
  SessionModel,
  SessionOptions,
  SessionSource,
  StepIds,
  StepOptions,
} from './session-contract.ts';
import { makeStates, orderedSource, sharing } from './session-source.ts';

/**
 * A text in progress: B sequences, each of a length of its own, with what the model keeps. The first step is the
 * prompt, in one piece or in chunks; every step appends to the states and returns logits. Each sequence gets what it
 * would get alone.
 *
 * How long the sequences are is what the states say: after `loadStates`, `adopt`, `cropStates` or `resetStates` the
 * next step goes on from there. Whatever is refused, fails or is given up leaves the session as it was; only where a
 * cache cannot take tokens back after a device has failed does it refuse to go on, and says so, until `load` or
 * `resetStates`.
 */
export class Session implements Disposable {
  /** Most positions a sequence can reach. */
  readonly limit: number;
  readonly #model: SessionModel;
  readonly #states: readonly LayerState[];
  /** States of the text that are no other's. */
  readonly #textStates: readonly LayerState[];
  readonly #source: SessionSource | undefined;
  /** Which source each sequence has read, where `take` has moved them. */
  #order: readonly number[] | undefined;
  /** What left it half-way, where that could not be taken back. */
  #broken: string | undefined;
  #disposed = false;

  /**
   * @param states to go on with, instead of new ones: `fork`
   * @throws {ValueError} if the capacity has no bound, the limit is beyond the model's context, or the source is
   * missing where the model reads one.
   */
  constructor(model: SessionModel, options: SessionOptions = {}, states?: readonly LayerState[]) {
    const { device, specs, context } = model;
    const { B = 1, capacity = context, cache = createStates } = options;
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new ValueError(
        'session',
        'capacity',
        'must be a whole number ≥ 1 (the default is the model’s context)',
        capacity,
      );
    const forgets = Object.entries(specs).every(
      ([id, { kind, cap }]) =>
        ['recurrent', 'shared'].includes(kind) ||
        model.sourceIds.includes(id) ||
        (kind === 'window' && cap <= capacity),
    );
    this.limit = options.limit ?? Math.min(forgets ? Infinity : capacity, context);
    if (this.limit !== Infinity && (!Number.isInteger(this.limit) || this.limit < 1))
      throw new ValueError('session', 'limit', 'must be a whole number ≥ 1, or Infinity', this.limit);
    if (this.limit > context)
      throw new ValueError(
        'session',
        'limit',
        `must be at most the model’s ${context} positions`,
        this.limit,
      );
    if (model.sourceIds.length > 0 && !options.source)
      throw new ValueError(
        'session',
        'source',
        'must be given: the model reads one (an encoder’s output)',
        undefined,
      );
    this.#model = model;
    this.#source = options.source;
    this.#states = states ?? makeStates(model, options, { B, capacity, cache, device });
    this.#textStates = this.#states.filter(
      ({ id, spec }) => spec.kind !== 'shared' && !model.sourceIds.includes(id),
    );
    try {
      checkIdsOf(this.#states, Object.keys(specs));
      model.reserve(Math.min(this.limit, capacity));
    } catch (error) {
      for (const state of this.#states) state.dispose();
      throw error;
    }
  }

  /** Sequences now. */
  get B(): number {
    return this.#states[0]?.B ?? 1;
  }

  /** Tokens that the longest sequence has seen. */
  get length(): number {
    return Math.max(...this.lengths);
  }

  /**
   * Tokens that each sequence has seen, `[B]`: what the states say.
   * @throws {ValueError} if the layers do not hold the same text.
   */
  get lengths(): readonly number[] {
    const [first, ...others] = this.#textStates;
    if (!first) return new Array<number>(this.B).fill(0);
    const { lengths } = first;
    const other = others.find((state) => state.lengths.some((length, b) => length !== lengths[b]));
    if (other)
      throw new ValueError(
        'session',
        'states',
        `must hold the same text in every layer: ${first.id} has seen ${lengths.join(', ')} tokens (crop or load all of them)`,
        `${other.lengths.join(', ')} in ${other.id}`,
      );
    return lengths;
  }

  /** What the model keeps, in order: what the caches hold, byte by byte. */
  get states(): readonly LayerState[] {
    return this.#states;
  }

  /**
   * Appends tokens and returns the logits that follow the last of each sequence.
   *
   * @param ids `[L]`, or B rows, each with the tokens of its sequence; a row may be empty, and its logits are then
   * those of nothing
   * @returns `[B, V]`
   * @throws {ValueError} for an id outside the vocabulary, or more tokens than there is room for.
   * @throws {DOMException} `AbortError`, when the signal says so. Nothing has changed then.
   */
  step(ids: StepIds, options: StepOptions = {}): Tensor<'B V'> {
    return this.#run(ids, options, (x, counts) => {
      const [B, L, E] = x.shape as [number, number, number];
      const last = Int32Array.from(counts, (count, b) => (count > 0 ? b * L + count - 1 : NOBODY));
      return this.#model.head<'B V'>(gather(x.reshape([B * L, E]), tensor<'B'>(x.device, last, [B])));
    });
  }

  /**
   * Appends tokens and returns the logits after each of them, `[B, L, V]` with L those of the longest row; what
   * follows the end of a shorter row is arbitrary. Errors as in `step`.
   */
  forward(ids: StepIds, options: StepOptions = {}): Tensor<'B L V'> {
    return this.#run(ids, options, (x) => this.#model.head<'B L V'>(x));
  }

  /**
   * Takes back the tokens from position `length` on, where the caches can.
   *
   * @param length of all sequences that are longer, or of each
   * @throws {ValueError} if a sequence is shorter, or a cache cannot.
   */
  crop(length: number | readonly number[]): void {
    const { lengths } = this;
    const wanted = typeof length === 'number' ? lengths.map((own) => Math.min(own, length)) : length;
    const fits = (to: number, b: number): boolean =>
      Number.isInteger(to) && to >= 0 && to <= (lengths[b] ?? -1);
    if (
      wanted.length !== lengths.length ||
      (typeof length === 'number' && !fits(length, longest(lengths))) ||
      !wanted.every(fits)
    )
      throw new ValueError(
        'session.crop',
        'length',
        `must be a whole number from 0 to ${typeof length === 'number' ? Math.max(...lengths) : lengths.join(', ')}`,
        length,
      );
    if (wanted.every((to, b) => to === lengths[b])) return;
    cropStates(
      this.#textStates.map((state) => asCache('crop', state)),
      wanted,
    );
  }

  /**
   * Goes on with other sequences: sequence b becomes what `order[b]` was. Fewer for those that have ended, one several
   * times for beams.
   *
   * @throws {ValueError} unless `order` names sequences there are, or a cache cannot.
   */
  take(order: readonly number[]): void {
    const caches = this.#states.map((state) => asCache('take', state));
    this.#orBroken('take', () => takeStates(caches, order));
    const before = this.#order;
    if (this.#source) this.#order = before ? order.map((from) => before[from]!) : [...order];
  }

  /** A file with the text so far, as it is at the time of the call. @throws {ValueError} if a cache cannot be saved. */
  async save(): Promise<Uint8Array> {
    return saveStates(this.#states.map((state) => asCache('save', state)));
  }

  /**
   * Goes on from a file of `save`, in every layer or in none.
   * @throws {CacheFileError} if it is damaged, or another model's.
   */
  load(file: Uint8Array): void {
    const caches = this.#states.map((state) => asCache('load', state));
    this.#orBroken('load', () => loadStates(caches, file));
    this.#broken = undefined;
  }

  /** Another session with the same text so far; what is appended to one is not in the other. */
  fork(): Session {
    const states = cloneStates(this.#states.map((state) => asCache('fork', state)));
    const { B, limit } = this;
    const source = this.#source && sharing(this.#source);
    const options = { B, capacity: Math.max(1, this.#capacity), limit, source };
    const twin = new Session(this.#model, options, states);
    twin.#order = this.#order;
    twin.#broken = this.#broken;
    return twin;
  }

  /** Frees the states. Never throws. */
  dispose(): void {
    for (const state of this.#states) state.dispose();
    if (this.#source?.owned) {
      this.#source.source.dispose();
      this.#source.positions?.tensor.dispose();
    }
    this.#disposed = true;
  }

  /** As `dispose`, for `using`. Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  get #capacity(): number {
    const most = Math.max(0, ...this.#states.map((state) => (state as Partial<Cache>).capacity ?? 0));
    return Number.isFinite(most) ? most : this.length + 1;
  }

  #run<Axes extends string>(
    ids: StepIds,
    { look, extras, signal }: StepOptions,
    finish: (x: Tensor<'B L E'>, counts: readonly number[]) => Tensor<Axes>,
  ): Tensor<Axes> {
    const before = this.#checkAlive();
    const rows = this.#rowsOf(ids, before);
    const { device } = this.#model;
    const L = Math.max(...rows.map(({ length }) => length));
    const unread = this.#states.filter(
      ({ id, length }) => length === 0 && this.#model.sourceIds.includes(id),
    );
    const flat = Int32Array.from(
      rows.flatMap((row) => [...row, ...new Array<number>(L - row.length).fill(0)]),
    );
    try {
      return scope(() => {
        const positions = positionsOf(device, rows, before);
        checkStates(this.#textStates, positions);
        const hidden = this.#model.run(
          tensor<'B L'>(device, flat, [rows.length, L]),
          positions,
          {
            states: Object.fromEntries(this.#states.map((state) => [state.id, state])),
            extras,
            // read once: afterwards the states have it
            ...(unread.length > 0 && this.#source && orderedSource(this.#source, this.#order)),
          },
          { look, before: () => signal?.throwIfAborted() },
        );
        return finish(
          hidden,
          rows.map(({ length }) => length),
        );
      });
    } catch (error) {
      this.#takeBack(before, unread, error as Error);
      throw error;
    }
  }

  /** Brings every layer back to where the step found it. */
  #takeBack(before: readonly number[], unread: readonly LayerState[], error: Error): void {
    const changed = this.#textStates.filter((state) =>
      state.lengths.some((length, b) => length !== before[b]),
    );
    try {
      for (const state of changed) asCache('crop', state).crop(before);
      // read by the step that failed: the next one reads it again
      for (const state of unread) if (state.length > 0) asCache('crop', state).reset();
    } catch {
      this.#broken = `a step failed half-way (${firstLine(error)}) and a cache cannot take it back`;
    }
  }

  /** What is refused has changed nothing; what fails otherwise may have moved some of the layers. */
  #orBroken(what: string, move: () => void): void {
    try {
      move();
    } catch (error) {
      if (!ValueError.isInstance(error) && !CacheFileError.isInstance(error))
        this.#broken = `a ${what} failed half-way (${firstLine(error as Error)})`;
      throw error;
    }
  }

  /** @returns the lengths. */
  #checkAlive(): readonly number[] {
    const anew = this.#states.every(({ length, B }) => length === 0 && B === this.B);
    if (anew) this.#broken = undefined;
    const reason = this.#disposed ? 'it is disposed' : this.#broken;
    if (reason === undefined) return this.lengths;
    throw new ValueError('session', 'step', `is not possible, ${reason}; start a new one`, reason);
  }

  #rowsOf(ids: StepIds, lengths: readonly number[]): readonly (readonly number[])[] {
    const rows = (
      typeof ids[0] === 'number' || ids.length === 0 ? [ids] : ids
    ) as readonly (readonly number[])[];
    const { B } = this;
    if (rows.length !== B) throw new ValueError('session', 'ids', `must be ${B} rows`, rows.length);
    if (rows.every(({ length }) => length === 0))
      throw new ValueError(
        'session',
        'ids',
        'must bring at least one token',
        rows.map((row) => row.length),
      );
    rows.forEach((row, b) => {
      checkIds('session', row, this.#model.V);
      const room = this.limit - lengths[b]!;
      if (row.length > room)
        throw new ValueError(
          'session',
          'ids',
          `must be at most ${room} tokens (${this.limit} positions, ${lengths[b]} of them taken; a session with a larger capacity has more)`,
          row.length,
        );
    });
    return rows;
  }
}

/**
 * A session as the step that `generate` of `@headwise/sampling` asks for: new ids in, logits `[V]` of the next
 * token out. Where the caller goes back to an earlier position, the session is cropped to it. Never throws. The
 * step throws what `Session.crop` and `Session.step` throw.
 *
 * @example
 * const run = generate(stepOf(session), { prompt, sampler: chain(greedy()), maxTokens: 20 });
 */
export function stepOf(session: Session): Step {
  return async (ids, { position }) => {
    session.crop(position);
    const logits = session.step(ids);
    try {
      return await logits.data();
    } finally {
      logits.dispose();
    }
  };
}

/** Where the new tokens stand: in one row for all sequences while they are equally long. */
function positionsOf(
  device: Device,
  rows: readonly (readonly number[])[],
  lengths: readonly number[],
): Positions {
  const alike = rows.every((row, b) => row.length === rows[0]!.length && lengths[b] === lengths[0]);
  if (alike) return createPositions(device, { start: lengths[0]!, L: rows[0]!.length });
  return createPositions(
    device,
    rows.map((row, b) => row.map((_, i) => lengths[b]! + i)),
  );
}

function checkIdsOf(states: readonly LayerState[], wanted: readonly string[]): void {
  const ids = states.map(({ id }) => id);
  if (ids.join() === wanted.join()) return;
  throw new ValueError('session', 'cache', `must make the ${wanted.length} states ${wanted.join(', ')}`, ids);
}

function firstLine({ message }: Error): string {
  return message.split('\n')[0]!;
}

function longest(lengths: readonly number[]): number {
  return lengths.indexOf(Math.max(...lengths));
}

function asCache(what: string, state: LayerState): Cache {
  if ('crop' in state) return state as Cache;
  throw new ValueError(`session.${what}`, 'cache', `must be one that can ${what}`, `the state ${state.id}`);
}
