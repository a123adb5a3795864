import type { Device, LayerSpec, LayerState, RowFormat } from '@headwise/tensor';

/** What a cache takes up, in bytes; 4 an element unless the cache packs its rows. */
export interface CacheBytes {
  /** Of the rows in use now: what `kv()` computes for the tokens held. */
  readonly used: number;
  /** Of the rows when the cache is full: what `kv()` computes for its capacity. */
  readonly full: number;
  /** What the device counts for this cache now: its buffers at capacity, positions and views included. */
  readonly device: number;
}

/**
 * The state of one layer that a person can see, crop, save and free.
 *
 * Whatever is refused leaves the cache as it was. A view belongs to the cache: do not dispose its tensors; they
 * hold until the next call that changes the cache.
 */
export interface Cache extends LayerState {
  /** `contiguous`, `ring`, `paged`, … */
  readonly kind: string;
  /** Most tokens held at once. */
  readonly capacity: number;
  /** Tokens held now; less than `length` once some are forgotten. */
  readonly held: number;
  /**
   * Throws what an append of so many tokens would for want of room, and changes nothing: so that the layers of a model
   * take a step all or none. Absent: it has room.
   * @throws {ValueError} if they do not fit, {DeviceError} if the cache is disposed.
   */
  checkAppend?(tokens: number): void;
  /**
   * Called with the tokens of an append before anything is written, and refuses by throwing. `createStates` sets it, so
   * that the layer which comes first refuses for all.
   */
  gate?: ((tokens: number) => void) | undefined;
  /**
   * Takes back the tokens from position `length` on, as if they had never been appended.
   * @throws {ValueError} if `length` is more than the cache has, or needs tokens that are forgotten.
   */
  crop(length: number): void;
  /**
   * Throws what `crop(length)` would, and changes nothing: so that the layers of a model are cropped all or none.
   * @throws {ValueError} as `crop`, {DeviceError} if the cache is disposed.
   */
  checkCrop(length: number): void;
  /**
   * Sequence b becomes what sequence `order[b]` was: the surviving beams.
   * @throws {ValueError} unless `order` names one of the B sequences for each of them.
   */
  reorder(order: readonly number[]): void;
  /**
   * A cache of its own with the same content; nothing that is written later is shared.
   * @throws {DeviceError} if the cache is disposed, or the device has no room.
   */
  clone(): Cache;
  /** Forgets everything; keeps the memory. @throws {DeviceError} if the cache is disposed. */
  reset(): void;
  /** @throws {DeviceError} if the cache is disposed. */
  bytes(): CacheBytes;
  /**
   * A file with the content as it is at the time of the call; values as float32, one checksum over all.
   * @throws {DeviceError} if the cache is disposed.
   */
  save(): Promise<Uint8Array>;
  /**
   * Takes over the content of a file.
   * @throws {CacheFileError} if it is damaged, of another version, layer, kind, shape or format, or does not fit.
   */
  load(file: Uint8Array): void;
}

/** In how many bits rows are kept: one format for all, or by name (`{ k: 'Q8_0', v: 'Q4_0' }`; f32 for the others). */
export type CacheFormat = RowFormat | Readonly<Partial<Record<string, RowFormat>>>;

/** What every cache of this package is made from. */
export interface CacheOptions {
  readonly device: Device;
  /** What a token adds, as the variant's `kv` says. */
  readonly spec: LayerSpec;
  /** Sequences. */
  readonly B: number;
  /** Most tokens held at once. A window needs no more than its own. */
  readonly capacity: number;
  /** Which layer of the model. Default 0. */
  readonly layer?: number | undefined;
  /** Length after which tokens are refused even where there is room. Default none. */
  readonly limit?: number | undefined;
  /**
   * Keeps the rows in fewer bits on a device that reads them so (`wasm`): an append rounds the new rows in place, and
   * attention computes with the rounded numbers. For `contiguous`, `latent`, `ring`, `sink-preserving` and
   * `anchor-evicting`. Default f32.
   */
  readonly format?: CacheFormat | undefined;
}

/** A kind of cache: what it is, and how to make one. The registry, the benchmarks and the README read this. */
export interface CacheKind<Name extends string = string, Options = CacheOptions> {
  readonly name: Name;
  readonly title: string;
  /** What it saves and what it costs, in one sentence. */
  readonly summary: string;
  /** Kinds of layer it can hold. */
  readonly holds: readonly LayerSpec['kind'][];
  /** `exact`: attention equals recomputing everything the mask lets it see. `lossy`: within a stated bound. */
  readonly fidelity: 'exact' | 'lossy';
  readonly paper?: {
    readonly title: string;
    readonly authors: string;
    readonly year: number;
    readonly arxiv: string;
  };
  readonly create: (options: Options) => Cache;
}

/** Keeps the literal name and the option types; does nothing at run time. Never throws. */
/* @__NO_SIDE_EFFECTS__ */
export function defineCache<const Name extends string, Options>(
  kind: CacheKind<Name, Options>,
): CacheKind<Name, Options> {
  return kind;
}

/** Keeps names and option types of a map of caches, and checks that each key is its cache's name. Never throws. */
/* @__NO_SIDE_EFFECTS__ */
export function defineCaches<
  // biome-ignore lint/suspicious/noExplicitAny: caches of any options; the map keeps the exact types
  const Map extends { readonly [Name in keyof Map]: CacheKind<Name & string, any> },
>(map: Map): Map {
  return map;
}
