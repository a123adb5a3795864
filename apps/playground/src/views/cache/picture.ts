/** What a state looks like after a step: copies, so that it crosses from the worker as it is. */
export interface StatePicture {
  readonly id: string;
  readonly layer: number;
  /** What stores it: `ring`, `paged`, … */
  readonly cache: string;
  /** What the layer keeps: `full`, `window`, … */
  readonly keeps: string;
  /** Whose rows it reads, where it stores nothing. */
  readonly producer: string | undefined;
  readonly slots: readonly SlotPicture[];
  /** Tokens of the text that no slot holds any more. */
  readonly evicted: readonly number[];
  /** First tokens that are never forgotten. */
  readonly sinks: number;
  /** Positions inside are counted anew, not those of the text. */
  readonly recounted: boolean;
  readonly paging: Paging | undefined;
  readonly constants: readonly ConstantPicture[];
  readonly bytes: { readonly used: number; readonly full: number; readonly device: number };
  readonly predicted: Predicted;
  /** Numbers that a step reads of it. */
  readonly reads: number;
}

/** One slot of a cache. */
export interface SlotPicture {
  /** Token of the text, counted from 0; −1 for none. */
  readonly token: number;
  /** Where the cache says that it stands. */
  readonly position: number;
  /** Written by this step. */
  readonly fresh: boolean;
  /** Whether the step's query looked at it; undefined where the variant has no weights. */
  readonly read: boolean | undefined;
  /** Largest weight of any head. */
  readonly weight: number | undefined;
  /** In fewer bits. */
  readonly packed: boolean;
  /** Mean size of the numbers in it, over all its rows. */
  readonly size: number;
}

/** Blocks of a pool. */
export interface Paging {
  readonly blockSize: number;
  /** Of the sequence, in order. */
  readonly table: readonly number[];
  readonly blocks: number;
}

/** A state of constant size. */
export interface ConstantPicture {
  readonly name: string;
  readonly shape: readonly number[];
  /** Of the first head, `[rows, columns]`. */
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** Bytes from config alone, and how. */
export interface Predicted {
  readonly bytes: number;
  /** `min(17, 8) tokens × (k 2·16 + v 2·16) × 4 B = 2,048 B` */
  readonly formula: string;
}

/** The text and all states after one step. */
export interface Frame {
  readonly step: number;
  /** Token that was appended. */
  readonly id: number;
  readonly text: string;
  readonly generated: boolean;
  readonly length: number;
  readonly states: readonly StatePicture[];
}

/** A whole run. */
export interface Run {
  readonly weights: string;
  readonly tokens: readonly string[];
  readonly promptLength: number;
  readonly frames: readonly Frame[];
  /** What ended it before its time. */
  readonly problem: string | undefined;
}

/** What a person has chosen. */
export interface CacheSetup {
  readonly variant: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Of the registry of caches; empty for the one that the states choose themselves. */
  readonly cache: string;
  readonly cacheOptions: Readonly<Record<string, unknown>>;
  readonly prompt: string;
  readonly tokens: number;
  readonly seed: number;
}

/** What keys and values of published models take at a length. */
export interface SizePicture {
  readonly model: string;
  readonly source: string;
  readonly tokens: number;
  readonly lines: readonly SizeLine[];
}

/** A variant, or several that keep the same. */
export interface SizeLine {
  readonly name: string;
  readonly points: readonly (readonly [tokens: number, bytes: number])[];
  /** At the chosen length. */
  readonly bytes: number;
  /** How many times less than multi-head attention. */
  readonly less: number;
  readonly formula: string;
  /** The model as it was published, not a variant in its shape. */
  readonly published: boolean;
}
