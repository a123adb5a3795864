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
import { add, isObserved, type LayerState, scope, type Tensor, tensor, ValueError } from '@headwise/tensor';
import type {
  SessionModel,
  SessionOptions,
  SessionSource,
  SessionStats,
  StepIds,
  StepOptions,
} from './session-contract.ts';
import {
  checkChunk,
  checkedRows,
  countPasses,
  lastTokens,
  newTokens,
  type Pass,
  type Passes,
  passAt,
  planPasses,
  type Ran,
  readsAgain,
  rowsIn,
} from './session-passes.ts';
import { Replay } from './session-replay.ts';
import { limitOf, makeStates, orderedSource, sharing } from './session-source.ts';
import { commonPrefix, Texts } from './session-texts.ts';
import { type TapFunction, Taps } from './taps.ts';

/**
 * A text in progress: B sequences, each of a length of its own, with what the model keeps. The first step is the
 * prompt, in one piece or in chunks; every step appends to the states and returns logits. Each sequence gets what it
 * would get alone.
 *
 * How long the sequences are is what the states say: after `loadStates`, `adopt`, `cropStates` or `resetStates` the
 * next step goes on from there. Whatever is refused, fails or is given up leaves the session as it was; only where a
 * cache cannot take tokens back after a device has failed does it refuse to go on, and says so, until `load` or
 * `resetStates`.
 *
 * What a step needs stands in files of its own (passes, texts, taps, sources); here is what changes together: states,
 * what is known of the texts, and what happens to both when something fails.
 */
export class Session implements Disposable {
  /** Most positions a sequence can reach. */
  readonly limit: number;
  readonly #model: SessionModel;
  #states: readonly LayerState[];
  /** States of the text that are no other's. */
  #textStates: readonly LayerState[];
  /** What went through it. */
  #texts: Texts;
  #taps: Taps | undefined;
  readonly #source: SessionSource | undefined;
  /** Which source each sequence has read, where `take` has moved them. */
  #order: readonly number[] | undefined;
  /** What left it half-way, where that could not be taken back. */
  #broken: string | undefined;
  readonly #replay: Replay;
  #disposed = false;

  /**
   * @param states to go on with, instead of new ones: `fork`
   * @throws {ValueError} if the capacity has no bound, the limit is beyond the model's context, or the source is
   * missing where the model reads one.
   */
  constructor(model: SessionModel, options: SessionOptions = {}, states?: readonly LayerState[]) {
    const { device, specs, context } = model;
    const { B = 1, capacity = context, cache = createStates } = options;
    this.limit = limitOf(model, capacity, options);
    this.#model = model;
    this.#source = options.source;
    this.#replay = new Replay(model);
    this.#states = states ?? makeStates(model, options, { B, capacity, cache, device });
    this.#textStates = ofText(model, this.#states);
    this.#texts = new Texts(B, (length) => model.regime?.(length) ?? '');
    this.#texts.note(this.#textStates);
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

  /**
   * What the model keeps, in order: what the caches hold, byte by byte. A step that is given up may put copies in their
   * places, so ask again after one.
   */
  get states(): readonly LayerState[] {
    return this.#states;
  }

  /**
   * How its steps of one token a sequence have been computed: where a device can do a step by itself (`Device.record`), most
   * of them are. Taps, looks and models of parts that do not say that their steps are alike switch it off.
   */
  get stats(): SessionStats {
    return this.#replay.stats;
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
    if (!rowsIn(ids).every(({ length }) => length === 1)) return this.#read(ids, options);
    const against = this.#against(options);
    if (against === undefined) return this.#decode(ids, options);
    const logits = this.#read(ids, options);
    this.#replay.passedOver(against);
    return logits;
  }

  /**
   * Appends tokens and returns the logits after each of them, `[B, L, V]` with L those of the longest row; what
   * follows the end of a shorter row is arbitrary. Errors as in `step`.
   */
  forward(ids: StepIds, options: Omit<StepOptions, 'chunk'> = {}): Tensor<'B L V'> {
    return this.#run(ids, { ...options, chunk: undefined }, (run, _, counts) =>
      this.#head<'B L V'>(newTokens(run(0), counts)),
    );
  }

  /**
   * Lets a function read an intermediate of every step from now on, or replace it: attention weights, queries, keys,
   * values, the residual stream, logits. While nobody taps a step knows nothing of it; attention weights are computed
   * for those who ask. A function that throws ends the step, and the session is as it was.
   *
   * @param name one of the model’s `taps`: `layers.3.attention.weights`
   * @param run gets the value, and its name; what it returns, of the same shape, takes its place
   * @returns ends it
   * @throws {ValueError} for a name that the model does not have, with those it has.
   * @example
   * const end = session.tap('layers.0', (stream) => console.log(stream.shape));
   */
  tap(name: string, run: TapFunction): () => void {
    this.#taps ??= new Taps(this.#model.taps ?? []);
    return this.#taps.add(name, run);
  }

  /**
   * The logits that follow a whole text, of which only what the session does not hold yet is computed: it goes back to
   * what the two have in common, as `reuse`, and reads the rest. A conversation that goes on costs its new tokens.
   *
   * @param text `[L]`, or B rows
   * @returns `[B, V]`
   * @throws {ValueError} for an id outside the vocabulary, or more tokens than there is room for; nothing has changed.
   * @throws {DOMException} `AbortError`, when the signal says so: the session then holds what was in common.
   */
  prompt(text: StepIds, options: StepOptions = {}): Tensor<'B V'> {
    const kept = this.reuse(text);
    const rows = rowsIn(text);
    const rest = rows.map((row, b) => row.slice(kept[b]));
    try {
      return this.step(rest, options);
    } catch (error) {
      // a part that must see the beginning at once
      if (!ValueError.isInstance(error) || kept.every((length) => length === 0)) throw error;
      this.crop(kept.map(() => 0));
      return this.step(rows, options);
    }
  }

  /**
   * Goes back to the longest beginning that each sequence has in common with a text, but for its last token, whose
   * logits somebody will want. Where a cache has forgotten what stood there (a window), or its keys would turn by other
   * angles in that text, the sequence begins anew. What was loaded from a file, or changed in `states` from outside, is
   * not known to be anybody's beginning.
   *
   * @param text `[L]`, or B rows
   * @returns how many tokens of each are kept, `[B]`: go on with `text.slice(kept[b])`
   * @throws {ValueError} for an id outside the vocabulary, more tokens than there is room for, or caches that cannot
   * crop; nothing has changed.
   */
  reuse(text: StepIds): readonly number[] {
    const lengths = this.#checkAlive();
    const nothing = lengths.map(() => 0);
    const rows = checkedRows(text, nothing, this.#model.V, this.limit);
    const caches = this.#textStates.map((state) => asCache('reuse', state));
    const kept = rows.map((row, b) => {
      const length = lengths[b]!;
      const known = this.#texts.of(b, length) ?? [];
      const common = Math.min(commonPrefix(known, row), Math.max(0, row.length - 1));
      if (common === 0 || this.#texts.turnsAnew(b, length, row.length)) return 0;
      const back = lengths.map((own, other) => (other === b ? common : own));
      return caches.every((cache) => canCrop(cache, back)) ? common : 0;
    });
    this.crop(kept);
    return kept;
  }

  /**
   * Takes back the tokens from position `length` on, where the caches can.
   *
   * @param length of all sequences that are longer, or of each
   * @throws {ValueError} if a sequence is shorter, or a cache cannot.
   */
  crop(length: number | readonly number[]): void {
    const { lengths } = this;
    this.#recheck();
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
    this.#texts.crop(wanted);
    this.#texts.note(this.#textStates);
  }

  /**
   * Goes on with other sequences: sequence b becomes what `order[b]` was. Fewer for those that have ended, one several
   * times for beams.
   *
   * @throws {ValueError} unless `order` names sequences there are, or a cache cannot.
   */
  take(order: readonly number[]): void {
    const caches = this.#states.map((state) => asCache('take', state));
    this.#recheck();
    this.#orBroken('take', () => takeStates(caches, order));
    this.#texts.take(order);
    this.#texts.note(this.#textStates);
    const before = this.#order;
    if (this.#source) this.#order = before ? order.map((from) => before[from]!) : [...order];
  }

  /**
   * A file with what is kept of the text so far, as it is at the time of the call.
   * @throws {ValueError} if a cache cannot be saved, or its keys are still turned for a longer text that was cropped.
   */
  async save(): Promise<Uint8Array> {
    this.#recheck();
    const longer = this.lengths.findIndex((length, b) => this.#texts.turnsAnew(b, length, length));
    if (longer >= 0) {
      const rule =
        'must have the angles of its length to be saved: it was cropped from a longer text; step once';
      throw new ValueError('session.save', `sequence ${longer}`, rule, `${this.lengths[longer]} tokens`);
    }
    return saveStates(this.#states.map((state) => asCache('save', state)));
  }

  /**
   * Goes on from a file of `save`, in every layer or in none.
   * @throws {CacheFileError} if it is damaged, or another model's.
   */
  load(file: Uint8Array): void {
    const caches = this.#states.map((state) => asCache('load', state));
    this.#orBroken('load', () => loadStates(caches, file));
    this.#texts.forget(this.B);
    this.#texts.note(this.#textStates);
    this.#broken = undefined;
  }

  /**
   * Another session with the same text so far; what is appended to one is not in the other.
   * @throws {DeviceError} if it is disposed, or there is no room for the copies; {ValueError} where a state is no cache.
   */
  fork(): Session {
    this.#recheck();
    const states = cloneStates(this.#states.map((state) => asCache('fork', state)));
    const { B, limit } = this;
    const source = this.#source && sharing(this.#source);
    const options = { B, capacity: Math.max(1, this.#capacity), limit, source };
    const twin = new Session(this.#model, options, states);
    twin.#order = this.#order;
    twin.#texts = this.#texts.clone();
    twin.#texts.note(twin.#textStates);
    twin.#broken = this.#broken;
    return twin;
  }

  /** Frees the states. Never throws. */
  dispose(): void {
    this.#replay.dispose();
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

  get #tap(): Taps | undefined {
    return this.#taps?.isEmpty === false ? this.#taps : undefined;
  }

  #head<Axes extends string>(x: Tensor): Tensor<Axes> {
    return this.#model.head<Axes>(x, this.#tap);
  }

  get #capacity(): number {
    const most = Math.max(0, ...this.#states.map((state) => (state as Partial<Cache>).capacity ?? 0));
    return Number.isFinite(most) ? most : this.length + 1;
  }

  /**
   * One step, whole or not at all.
   *
   * @param finish makes the result from the passes, which it runs in order; `counts` are the new tokens of each sequence
   */
  #run<Axes extends string>(
    ids: StepIds,
    options: StepOptions,
    finish: (run: (n: number) => Ran, count: number, counts: readonly number[]) => Tensor<Axes>,
  ): Tensor<Axes> {
    const before = this.#checkAlive();
    const rows = checkedRows(ids, before, this.#model.V, this.limit);
    const passes = planPasses(rows, before, this.#texts, options.chunk);
    const backup = this.#needsBackup(passes, before) ? this.#backup() : undefined;
    const unread = this.#states.filter(
      ({ id, length }) => length === 0 && this.#model.sourceIds.includes(id),
    );
    try {
      const result = scope(() => {
        if (readsAgain(passes, before))
          for (const state of this.#textStates) asCache('crop', state).crop(passes.starts);
        const run = (n: number) => this.#pass(passAt(this.#model.device, passes, n), options);
        return finish(
          run,
          countPasses(passes),
          rows.map(({ length }) => length),
        );
      });
      for (const state of backup ?? []) state.dispose();
      this.#texts.append(rows, before);
      return result;
    } catch (error) {
      if (backup) this.#restore(backup);
      else this.#takeBack(before, unread, error as Error);
      throw error;
    } finally {
      this.#texts.note(this.#textStates);
    }
  }

  /** Tokens, as many as they are, and the logits that follow the last of each sequence. */
  #read(ids: StepIds, options: StepOptions): Tensor<'B V'> {
    return this.#run(ids, options, (run, count) => {
      const ends = Array.from({ length: count }, (_, n) => scope(() => lastTokens(run(n))));
      // each sequence ends in one of the passes and has zeros in the others
      const all = ends.filter((rows) => rows !== undefined).reduce((sum, rows) => add(sum, rows));
      return this.#head<'B V'>(all);
    });
  }

  /** A step of one token a sequence, which the device may do by itself. */
  #decode(ids: StepIds, options: StepOptions): Tensor<'B V'> {
    const before = this.#checkAlive();
    const rows = checkedRows(ids, before, this.#model.V, this.limit);
    if (options.chunk !== undefined) checkChunk(options.chunk);
    options.signal?.throwIfAborted();
    try {
      const [states, textStates] = [this.#states, this.#textStates];
      const logits = this.#replay.run({ states, textStates, ids: rows.map(([id]) => id!), at: before });
      this.#texts.append(rows, before);
      return logits;
    } catch (error) {
      this.#takeBack(before, [], error as Error);
      throw error;
    } finally {
      this.#texts.note(this.#textStates);
    }
  }

  /** Why a step of one token a sequence is done as any other; undefined where the device may do it by itself. */
  #against({ look, extras }: StepOptions): string | undefined {
    const before = this.#checkAlive();
    if (this.#replay.against !== undefined) return this.#replay.against;
    if (isObserved()) return 'somebody watches the operations';
    if (this.#tap) return 'somebody taps';
    if (look || extras) return 'somebody looks';
    if (before.some((length) => length === 0)) return 'there is no text yet';
    const anew = before.some((length, b) => this.#texts.turnsAnew(b, length, length + 1));
    return anew ? 'the text is read again, with other angles' : undefined;
  }

  #pass(pass: Pass, { look, extras, signal }: StepOptions): Ran {
    const { device, sourceIds } = this.#model;
    checkStates(this.#textStates, pass.positions);
    const isUnread = this.#states.some(({ id, length }) => length === 0 && sourceIds.includes(id));
    const { positions } = pass;
    const ids = tensor<'B L'>(device, pass.ids, [pass.rows.length, pass.L]);
    const x = this.#model.stack.run(
      this.#model.embed(ids, positions, this.#tap),
      {
        positions,
        states: Object.fromEntries(this.#states.map((state) => [state.id, state])),
        extras,
        tap: this.#tap,
        // read once: afterwards the states have it
        ...(isUnread && this.#source && orderedSource(this.#source, this.#order)),
      },
      { look, before: () => signal?.throwIfAborted() },
    );
    return { x, pass };
  }

  /** Whether the caches could not be brought back by taking tokens off. */
  #needsBackup(passes: Passes, before: readonly number[]): boolean {
    if (readsAgain(passes, before)) return true;
    const forgets = this.#textStates.some(({ spec }) => spec.kind === 'window' || spec.kind === 'recurrent');
    return forgets && countPasses(passes) > 1 && before.some((length) => length > 0);
  }

  #backup(): readonly LayerState[] | undefined {
    return this.#states.every((state) => 'clone' in state) ? cloneStates(this.#states as Cache[]) : undefined;
  }

  #restore(backup: readonly LayerState[]): void {
    for (const state of this.#states) state.dispose();
    this.#states = backup;
    this.#textStates = ofText(this.#model, backup);
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

  /** What somebody else has done to the states is no text of ours. */
  #recheck(): void {
    this.#texts.recheck(this.#textStates, this.B);
  }

  /** @returns the lengths. */
  #checkAlive(): readonly number[] {
    const anew = this.#states.every(({ length, B }) => length === 0 && B === this.B);
    if (anew) this.#broken = undefined;
    const reason = this.#disposed ? 'it is disposed' : this.#broken;
    this.#recheck();
    if (reason === undefined) return this.lengths;
    throw new ValueError('session', 'step', `is not possible, ${reason}; start a new one`, reason);
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

/** States of the text that are no other's. */
function ofText({ sourceIds }: SessionModel, states: readonly LayerState[]): readonly LayerState[] {
  return states.filter(({ id, spec }) => spec.kind !== 'shared' && !sourceIds.includes(id));
}

function canCrop(cache: Cache, lengths: readonly number[]): boolean {
  try {
    cache.checkCrop(lengths);
    return true;
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
    return false;
  }
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
