import type { Device, LayerSpec } from '@headwise/tensor';
import type { Cache, CacheOptions } from '../contract.ts';

/** Which tokens a call may read, and at which positions, by the cache's own rule. */
export interface Recalled {
  /** Tokens by their place in the sequence, the position attention is to see them at, and until which query. */
  readonly keys: readonly { readonly token: number; readonly position: number; readonly until?: number }[];
  /** Positions of the L queries. */
  readonly queries: readonly number[];
}

/** The L tokens from `start` on of sequence b, appended at once. */
export interface RecallCall {
  readonly b: number;
  /** The sequence it was when the cache was made; another one than b after a reorder. */
  readonly origin: number;
  readonly start: number;
  readonly L: number;
}

/** A cache to be checked, and what is true of it. */
export interface CacheSubject {
  /** A new cache; what is special about it (block size, bits) is filled in here. */
  readonly create: (options: CacheOptions) => Cache;
  /** The layer it is tried with. Default `full`, two heads of 4. */
  readonly spec?: LayerSpec;
  /** Tokens it is created for. Default 24. */
  readonly capacity?: number;
  /** It forgets instead of filling up, so that no append is refused. Default false. */
  readonly endless?: boolean;
  /** What attention over it is to equal. Default: all tokens at their own positions, under the layer's window. */
  readonly recall?: (call: RecallCall) => Recalled;
  /** For a lossy cache: the most a number between −1 and 1 is off after one packing. Default 0: exact. */
  readonly bound?: number;
  /** How far back a crop may go from the present length; what is further must be refused. Default all the way. */
  readonly cropsBack?: number;
  /** Default: the reference. A new device for each law, disposed after it. */
  readonly device?: () => Promise<Device>;
  /** Decode steps of the law `steady`. Default 500. */
  readonly steps?: number;
}

/** Two heads of width 4. */
export const plainSpec: LayerSpec = {
  kind: 'full',
  rows: { k: [2, 4], v: [2, 4] },
  cap: Infinity,
  constant: {},
};
