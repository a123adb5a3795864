import type { Device, LayerSpec, LayerState, RowFormat, Tokens } from '@headwise/tensor';

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
 * A state that stores: what one part of a layer keeps, which a person can see, crop, save and free. (`LayerState` is
 * the contract; a cache is an implementation of it.)
 *
 * Every sequence has its own length: what is appended to it goes to its own next places, and tokens at position −1
 * take none. A cache holds at most `capacity` tokens of a sequence; a spec's `cap` is the most a layer ever needs.
 *
 * Whatever is refused leaves the cache as it was. A view belongs to the cache: do not dispose its tensors; they
 * hold until the next call that changes the cache.
 */
export interface Cache extends LayerState {
  /** `contiguous`, `ring`, `paged`, … */
  readonly kind: string;
  /** Most tokens held at once, of each sequence: its slots. */
  readonly capacity: number;
  /** Tokens held now, of the sequence that holds most; less than `length` once some are forgotten. */
  readonly held: number;
  /**
   * Called with the tokens of an append before anything is written, and refuses by throwing. `createStates` sets it, so
   * that the layer which comes first refuses for all.
   */
  gate?: ((tokens: Tokens) => void) | undefined;
  /**
   * Takes back the tokens from position `length` on, as if they had never been appended: of every sequence that is
   * longer, or of each from its own length on.
   *
   * Right after an append, `crop` to the lengths of before takes it back, which is how a step that failed in a later
   * layer is undone; a recurrent state cannot, and a ring cannot for what later appends have overwritten.
   * @throws {ValueError} if a length is more than the sequence has, or needs tokens that are forgotten.
   */
  crop(length: number | readonly number[]): void;
  /**
   * Throws what `crop(length)` would, and changes nothing: so that the layers of a model are cropped all or none.
   * @throws {ValueError} as `crop`, {DeviceError} if the cache is disposed.
   */
  checkCrop(length: number | readonly number[]): void;
  /**
   * The batch becomes the sequences `order[0]`, `order[1]`, … of the present one: beams that survive, sequences that
   * have ended left out, one prompt for several answers. `B` is then as many. As many as before are moved in place;
   * another number takes memory of its own and frees the old. (A device that fails while rows are moved in place may
   * leave them mixed: load or reset the cache.)
   * @throws {ValueError} unless `order` names at least one of the sequences, and no others.
   */
  take(order: readonly number[]): void;
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
   * @throws {CacheFileError} if it is damaged, of another version, state, kind, shape or format, or does not fit.
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
  /** Most tokens held at once, of each sequence. A window needs no more than the `cap` of its spec. */
  readonly capacity: number;
  /** Which state of the model: `stateId(layer, part)`. Default `"0.self"`. */
  readonly id?: string | undefined;
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
  /** Options of its own that a person can choose, each with its default: for menus and forms. Absent where it has none. */
  readonly defaults?: Readonly<Record<string, number | string | boolean>>;
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
