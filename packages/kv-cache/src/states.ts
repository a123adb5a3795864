import { type Device, type LayerSpec, type StateKind, ValueError } from '@headwise/tensor';
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
import { checkProducer } from './kv.ts';

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
 * The states of a model's layers, each by its own kind: the list that a model hands to its layers.
 *
 * They refuse together: the layer that a step comes to first asks all of them before it takes a token, so that what one
 * has no room for changes none, whatever caches are mixed. Every layer reaches `capacity` tokens; a cache of `create`
 * that forgets nothing is given so much room for a window too. Where every layer is a window or recurrent, nothing
 * fills up and nothing is refused.
 *
 * @example
 * const states = createStates(specs, { device, B: 1, capacity: 4096 });
 *
 * @throws {ValueError} for sizes that are not whole numbers ≥ 1, a layer that shares with none before it, or a `create`
 * that makes no cache of B sequences.
 * @throws {DeviceError} if the device has no room, or cannot keep rows in the format.
 */
export function createStates(specs: readonly LayerSpec[], options: StatesOptions): Cache[] {
  const { device, B, capacity, slack = 0, create = {}, format } = options;
  checkCount('createStates', 'B', B);
  checkCount('createStates', 'capacity', capacity);
  checkCount('createStates', 'slack', slack, 0);
  checkList(specs);
  specs.forEach((spec, layer) => {
    if (spec.kind === 'shared') checkProducer('createStates', specs, layer);
  });
  const forgets = ({ kind, cap }: LayerSpec): boolean => kind === 'window' && cap + slack <= capacity;
  const fills = specs.some((spec) => !['recurrent', 'shared'].includes(spec.kind) && !forgets(spec));
  const limit = fills ? capacity : undefined;

  const states: Cache[] = [];
  try {
    specs.forEach((spec, layer) => {
      if (spec.kind === 'shared') {
        states.push(createShared({ spec, layer, producer: states[spec.producer!]! }));
        return;
      }
      const room = forgets(spec) ? spec.cap + slack : capacity;
      const make = create[spec.kind] ?? defaultFor(spec, forgets(spec));
      const bits = spec.kind === 'recurrent' ? undefined : formatFor(spec, format);
      const options = { device, spec, B, layer, limit, format: bits };
      const made = make({ ...options, capacity: room });
      checkMade(made, layer, spec, B);
      states.push(made);
      if (room < capacity && !takes(made, capacity)) {
        states.pop()!.dispose();
        states.push(make({ ...options, capacity }));
      }
    });
  } catch (error) {
    disposeStates(states);
    throw error;
  }
  return refusingTogether(states);
}

/** Lets the layer that a step comes to first refuse for all. */
function refusingTogether(states: Cache[]): Cache[] {
  const own = owners(states);
  for (const state of own) {
    state.gate = (tokens) => {
      // in the middle of a step there is nothing left to ask
      if (own.some(({ length }) => length !== state.length)) return;
      for (const other of own) other.checkAppend?.(tokens);
    };
  }
  return states;
}

/** Whether a new cache has room for so many tokens; one that cannot be asked is taken at its word. */
function takes(state: Cache, tokens: number): boolean {
  try {
    state.checkAppend?.(tokens);
    return true;
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
    return false;
  }
}

function checkMade(made: Cache, layer: number, { kind }: LayerSpec, B: number): void {
  if (typeof made?.append === 'function' && made.B === B) return;
  made?.dispose?.();
  const rule = `must make a cache of ${B} sequences for layer ${layer}`;
  throw new ValueError('createStates', `create.${kind}`, rule, made && `one of ${made.B}`);
}

/** The formats of the rows that this layer has; a model's layers may keep different ones. */
function formatFor({ rows }: LayerSpec, format: CacheFormat | undefined): CacheFormat | undefined {
  if (typeof format !== 'object' || format === null) return format;
  const own = Object.entries(format).filter(([name]) => name in rows);
  return own.length > 0 ? Object.fromEntries(own) : undefined;
}

function checkList(specs: unknown): void {
  if (Array.isArray(specs)) return;
  throw new ValueError('createStates', 'specs', 'must be a list, one spec a layer', specs);
}

function defaultFor({ kind }: LayerSpec, forgets: boolean): (options: CacheOptions) => Cache {
  if (kind === 'recurrent') return createRecurrent;
  if (kind === 'latent') return createLatent;
  return forgets ? createRing : createContiguous;
}

/**
 * Takes back the tokens from position `length` on, in every layer or (when one cannot) in none.
 * @throws {ValueError} if `length` is more than a layer has, or needs tokens that one has forgotten.
 * @throws {DeviceError} if a layer is disposed.
 */
export function cropStates(states: readonly Cache[], length: number): void {
  const own = owners(states);
  for (const state of own) state.checkCrop(length);
  for (const state of own) state.crop(length);
}

/**
 * Sequence b becomes what sequence `order[b]` was, in every layer or (when one cannot) in none.
 * @throws {ValueError} unless `order` names one of the B sequences for each of them.
 * @throws {DeviceError} if a layer is disposed.
 */
export function reorderStates(states: readonly Cache[], order: readonly number[]): void {
  const own = owners(states);
  for (const state of own) checkOrder('reorderStates', order, state.B);
  for (const state of own) state.reorder(order);
}

/**
 * States of their own with the same content; shared layers read the clones of their producers.
 * @throws {DeviceError} if a layer is disposed, or the device has no room; no clone is left behind then.
 */
export function cloneStates(states: readonly Cache[]): Cache[] {
  const clones: Cache[] = [];
  try {
    for (const state of states) {
      const { spec, layer } = state;
      const producer = clones.find((clone) => clone.layer === spec.producer);
      clones.push(
        spec.kind === 'shared' ? createShared({ spec, layer, producer: producer! }) : state.clone(),
      );
    }
  } catch (error) {
    disposeStates(clones);
    throw error;
  }
  return refusingTogether(clones);
}

/** Forgets everything in every layer; keeps the memory. @throws {DeviceError} if a layer is disposed. */
export function resetStates(states: readonly Cache[]): void {
  for (const state of owners(states)) state.reset();
}

/** The bytes of all layers together. @throws {DeviceError} if a layer is disposed. */
export function bytesOfStates(states: readonly Cache[]): CacheBytes {
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
  const uneven = unequal(owners(states));
  if (uneven) throw new ValueError('saveStates', 'states', 'must be of one length', uneven);
  return encodeCaches(await Promise.all(owners(states).map((state) => persistent(state).snapshot())));
}

/**
 * Takes over a file of `saveStates`, in every layer or in none.
 * @throws {CacheFileError} if it is damaged, of another version, or another model's.
 * @throws {ValueError} if a cache cannot load.
 * @throws {DeviceError} if a layer is disposed.
 */
export function loadStates(states: readonly Cache[], file: Uint8Array): void {
  const snapshots = decodeCaches(file);
  const own = owners(states).map(persistent);
  if (snapshots.length !== own.length) {
    const message = `it holds ${snapshots.length} layers, this model stores ${own.length}`;
    throw mismatch(message);
  }
  const uneven = unequal(snapshots);
  if (uneven) throw damaged(`its layers hold unequal numbers of tokens: ${uneven}`);
  const steps = own.map((state, i) => {
    checkSnapshot(state, snapshots[i]!);
    return state.restore(snapshots[i]!);
  });
  for (const step of steps) step();
}

/** The first layer whose length is not that of the first, in words. */
function unequal(layers: readonly { readonly layer: number; readonly length: number }[]): string | undefined {
  const [first] = layers;
  const other = layers.find(({ length }) => length !== first!.length);
  return other && `${first!.length} in layer ${first!.layer}, ${other.length} in layer ${other.layer}`;
}

/** Frees every layer. Never throws. */
export function disposeStates(states: readonly Cache[]): void {
  for (const state of states) state.dispose();
}

function owners(states: readonly Cache[]): readonly Cache[] {
  return states.filter(({ spec }) => spec.kind !== 'shared');
}

function persistent(state: Cache): Cache & Persistent {
  if ('snapshot' in state && 'restore' in state) return state as Cache & Persistent;
  throw new ValueError(
    'saveStates',
    `layer ${state.layer}`,
    'must be a cache with snapshot and restore',
    state.kind,
  );
}
