import {
  checkFields,
  type Device,
  type LayerSpec,
  type LayerState,
  type StateKind,
  type Tokens,
  ValueError,
} from '@headwise/tensor';
import { createContiguous } from './caches/contiguous.ts';
import { createLatent } from './caches/latent.ts';
import { createRecurrent } from './caches/recurrent.ts';
import { createRing } from './caches/ring.ts';
import { createShared } from './caches/shared.ts';
import { checkCount, checkOrder } from './checks.ts';
import type { Cache, CacheBytes, CacheFormat, CacheOptions } from './contract.ts';
import { damaged, mismatch } from './format/errors.ts';
import { decodeCaches, encodeCaches } from './format/format.ts';
import { checkSnapshot, type Persistent } from './format/snapshot.ts';
import { type NamedSpec, nameSpecs, type Specs } from './named-specs.ts';

/** How the states of a model are made. */
export interface StatesOptions {
  readonly device: Device;
  /** Sequences. */
  readonly B: number;
  /** Longest sequence. A layer with a window holds its window when that is less. */
  readonly capacity: number;
  /**
   * Other caches for layers of a kind: `{ full: (options) => createQuantized({ ...options, bits: 8 }) }`. What is
   * left out is contiguous, a ring, latent or recurrent.
   */
  readonly create?: Readonly<Partial<Record<Exclude<StateKind, 'shared'>, (options: CacheOptions) => Cache>>>;
  /**
   * Keeps rows in fewer bits, on a device that reads them so (`wasm`): `'Q8_0'`, or by name `{ k: 'Q8_0', v: 'Q4_0' }`.
   * Handed to the caches of layers that keep rows. Default f32.
   */
  readonly format?: CacheFormat | undefined;
  /** Tokens that can be cropped off a full window (speculative decoding); windows hold as many more. Default 0. */
  readonly slack?: number;
}

/**
 * The states of a model's layers, each by its own kind: the list that a model hands to its layers, in the order of
 * the specs. A list of specs gives each layer one state, with the ids `stateId(0)`, `stateId(1)`, …; specs by id give
 * a layer as many as it needs (`{ '0.self': …, '0.cross': … }`).
 *
 * They refuse together: the layer that a step comes to first asks all those of its text before it takes a token, so
 * that what one has no room for changes none, whatever caches are mixed; `checkStates` asks them ahead of the step.
 * Every layer reaches `capacity` tokens; a cache of `create` that forgets nothing is given so much room for a window
 * too. Where every layer is a window or recurrent, nothing fills up and nothing is refused.
 *
 * @example
 * const states = createStates(specs, { device, B: 1, capacity: 4096 });
 *
 * @throws {ValueError} for sizes that are not whole numbers ≥ 1, a state that shares with none before it, or a `create`
 * that makes no cache of B sequences.
 * @throws {DeviceError} if the device has no room, or cannot keep rows in the format.
 */
export function createStates(specs: Specs, options: StatesOptions): Cache[] {
  checkFields('createStates', 'options', options, ['device']);
  const { device, B, capacity, slack = 0, create = {}, format } = options;
  checkCount('createStates', 'B', B);
  checkCount('createStates', 'capacity', capacity);
  checkCount('createStates', 'slack', slack, 0);
  const named = nameSpecs('createStates', 'specs', specs);
  checkFormat(named, format);
  const forgets = ({ kind, cap }: LayerSpec): boolean => kind === 'window' && cap + slack <= capacity;
  const fills = named.some(({ spec }) => !['recurrent', 'shared'].includes(spec.kind) && !forgets(spec));
  const limit = fills ? capacity : undefined;

  const states: Cache[] = [];
  try {
    for (const { spec, id } of named) {
      if (spec.kind === 'shared') {
        const producer = states.find((state) => state.id === spec.producer)!;
        states.push(createShared({ spec, id, producer }));
        continue;
      }
      const room = forgets(spec) ? spec.cap + slack : capacity;
      const make = create[spec.kind] ?? defaultFor(spec, forgets(spec));
      const bits = spec.kind === 'recurrent' ? undefined : formatFor(spec, format);
      const own = { device, spec, B, id, limit, format: bits };
      const made = make({ ...own, capacity: room });
      checkMade(made, { id, spec }, B);
      states.push(made);
      if (room < capacity && !takes(made, capacity)) {
        states.pop()!.dispose();
        const larger = make({ ...own, capacity });
        checkMade(larger, { id, spec }, B);
        states.push(larger);
      }
    }
  } catch (error) {
    disposeStates(states);
    throw error;
  }
  return refusingTogether(states);
}

/** Lets the layer that a step comes to first refuse for all of its text. */
function refusingTogether(states: Cache[]): Cache[] {
  for (const state of owners('createStates', states)) {
    const step = owners('createStates', states).filter((other) => partOf(other) === partOf(state));
    state.gate = (tokens) => {
      // in the middle of a step there is nothing left to ask
      const together = step.every(({ lengths }) => lengths.every((length, b) => length === state.lengths[b]));
      if (together) checkStates(step, tokens);
    };
  }
  return states;
}

/** Whether a new cache has room for so many tokens. */
function takes(state: Cache, tokens: number): boolean {
  try {
    state.check(tokens);
    return true;
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
    return false;
  }
}

function checkMade(made: Cache, { id, spec }: Pick<NamedSpec, 'id' | 'spec'>, B: number): void {
  if (typeof made?.append === 'function' && made.B === B) return;
  made?.dispose?.();
  const rule = `must make a cache of ${B} sequences for state ${id}`;
  throw new ValueError('createStates', `create.${spec.kind}`, rule, made && `one of ${made.B}`);
}

/** A name that no layer has would leave its rows in f32, unsaid. */
function checkFormat(named: readonly NamedSpec[], format: CacheFormat | undefined): void {
  if (typeof format !== 'object' || format === null) return;
  const names = new Set(named.flatMap(({ spec }) => Object.keys(spec.rows)));
  const unknown = Object.keys(format).find((name) => !names.has(name));
  if (unknown !== undefined && names.size > 0)
    throw new ValueError('createStates', 'format', `must name rows: ${[...names].join(', ')}`, unknown);
}

/** The formats of the rows that this layer has; a model's layers may keep different ones. */
function formatFor({ rows }: LayerSpec, format: CacheFormat | undefined): CacheFormat | undefined {
  if (typeof format !== 'object' || format === null) return format;
  const own = Object.entries(format).filter(([name]) => name in rows);
  return own.length > 0 ? Object.fromEntries(own) : undefined;
}

function defaultFor({ kind }: LayerSpec, forgets: boolean): (options: CacheOptions) => Cache {
  if (kind === 'recurrent') return createRecurrent;
  if (kind === 'latent') return createLatent;
  return forgets ? createRing : createContiguous;
}

/**
 * Throws what appending these tokens to one of the states would, and changes nothing: asked before the first layer of a
 * step, the layers grow all or none, whatever caches they have.
 *
 * @param states those that a step appends to: the states of a source (`cross`) are not among them
 * @throws {ValueError} if they do not fit.
 * @throws {DeviceError} if a layer is disposed.
 */
export function checkStates(states: readonly LayerState[], tokens: Tokens): void {
  checkList('checkStates', states);
  for (const state of states) if (state.spec.kind !== 'shared') state.check(tokens);
}

/**
 * Takes back the tokens from position `length` on, or of each sequence from its own length on, in every layer or (when
 * one cannot) in none. Beside the states of a text those of its source (`cross`) stay as they are: they count other
 * tokens.
 * @throws {ValueError} if a length is more than a layer has, or needs tokens that one has forgotten.
 * @throws {DeviceError} if a layer is disposed.
 */
export function cropStates(states: readonly Cache[], length: number | readonly number[]): void {
  const own = owners('cropStates', states);
  const text = own.filter((state) => partOf(state) !== 'cross');
  const cut = text.length > 0 ? text : own;
  for (const state of cut) state.checkCrop(length);
  for (const state of cut) state.crop(length);
}

/**
 * The batch becomes the sequences `order[0]`, `order[1]`, … of the present one, in every layer or (when one cannot) in
 * none.
 * @throws {ValueError} unless `order` names at least one of the sequences, and no others.
 * @throws {DeviceError} if a layer is disposed, or the device has no room for as many; layers may then differ.
 */
export function takeStates(states: readonly Cache[], order: readonly number[]): void {
  const own = owners('takeStates', states);
  for (const state of own) checkOrder('takeStates', order, state.B);
  for (const state of own) state.take(order);
}

/**
 * States of their own with the same content; shared layers read the clones of their producers.
 * @throws {ValueError} if a state shares with one that is not among them.
 * @throws {DeviceError} if a layer is disposed, or the device has no room; no clone is left behind then.
 */
export function cloneStates(states: readonly Cache[]): Cache[] {
  checkList('cloneStates', states);
  const clones: Cache[] = [];
  try {
    for (const state of states) {
      const { spec, id } = state;
      const producer = clones.find((clone) => clone.id === spec.producer);
      clones.push(spec.kind === 'shared' ? createShared({ spec, id, producer: producer! }) : state.clone());
    }
  } catch (error) {
    disposeStates(clones);
    throw error;
  }
  return refusingTogether(clones);
}

/** Forgets everything in every layer; keeps the memory. @throws {DeviceError} if a layer is disposed. */
export function resetStates(states: readonly Cache[]): void {
  for (const state of owners('resetStates', states)) state.reset();
}

/** The bytes of all layers together. @throws {DeviceError} if a layer is disposed. */
export function bytesOfStates(states: readonly Cache[]): CacheBytes {
  checkList('bytesOfStates', states);
  const sum = { used: 0, full: 0, device: 0 };
  for (const state of states) {
    const { used, full, device } = state.bytes();
    sum.used += used;
    sum.full += full;
    sum.device += device;
  }
  return sum;
}

/**
 * One file with every layer that stores, as they are at the time of the call.
 * @throws {ValueError} if a cache cannot be saved, or the layers hold unequal numbers of tokens: a step failed half-way.
 * @throws {DeviceError} if a layer is disposed.
 */
export async function saveStates(states: readonly Cache[]): Promise<Uint8Array> {
  const own = owners('saveStates', states);
  const uneven = unequal(own);
  if (uneven) throw new ValueError('saveStates', 'states', 'must be of one length', uneven);
  return encodeCaches(await Promise.all(own.map((state) => persistent(state).snapshot())));
}

/**
 * Takes over a file of `saveStates`, in every layer or in none.
 * @throws {CacheFileError} if it is damaged, of another version, or another model's.
 * @throws {ValueError} if a cache cannot load.
 * @throws {DeviceError} if a layer is disposed.
 */
export function loadStates(states: readonly Cache[], file: Uint8Array): void {
  const own = owners('loadStates', states);
  const snapshots = decodeCaches(file);
  const kept = own.map(persistent);
  if (snapshots.length !== kept.length) {
    const message = `it holds ${snapshots.length} states, this model stores ${kept.length}`;
    throw mismatch(message);
  }
  const uneven = unequal(snapshots);
  if (uneven) throw damaged(`its layers hold unequal numbers of tokens: ${uneven}`);
  const steps = kept.map((state, i) => {
    checkSnapshot(state, snapshots[i]!);
    return state.restore(snapshots[i]!);
  });
  for (const step of steps) step();
}

/** States of one text: those of one part (`self`), which take the same steps; a source (`cross`) has lengths of its own. */
function partOf({ id }: { readonly id: string }): string {
  return id.replace(/^\d+\./, '');
}

/** The first state whose lengths are not those of the first of its part, in words. */
function unequal(
  states: readonly { readonly id: string; readonly lengths: readonly number[] }[],
): string | undefined {
  for (const state of states) {
    const first = states.find((one) => partOf(one) === partOf(state))!;
    if (String(first.lengths) !== String(state.lengths))
      return `${first.lengths.join(', ')} in ${first.id}, ${state.lengths.join(', ')} in ${state.id}`;
  }
  return undefined;
}

/** Frees every layer. @throws {ValueError} if the states were forgotten. */
export function disposeStates(states: readonly Cache[]): void {
  checkList('disposeStates', states);
  for (const state of states) state.dispose();
}

/** Those that store; a list of states, or the call says so. */
function owners(op: string, states: readonly Cache[]): readonly Cache[] {
  checkList(op, states);
  return states.filter(({ spec }) => spec.kind !== 'shared');
}

function checkList(op: string, states: unknown): void {
  if (Array.isArray(states)) return;
  throw new ValueError(op, 'states', 'must be a list, as createStates gives it', states);
}

function persistent(state: Cache): Cache & Persistent {
  if ('snapshot' in state && 'restore' in state) return state as Cache & Persistent;
  throw new ValueError(
    'saveStates',
    `state ${state.id}`,
    'must be a cache with snapshot and restore',
    state.kind,
  );
}
