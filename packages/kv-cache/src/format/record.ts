import type { LayerSpec } from '@headwise/tensor';
import type { CacheFormat } from '../contract.ts';

/** Host numbers of a section. */
export type SectionData = Float32Array | Int32Array | Uint8Array;

/** How a section's numbers are written. */
export type SectionType = 'f32' | 'i32' | 'u8';

/** A spec in JSON, where `cap: null` stands for no cap. */
export type SpecRecord = Omit<LayerSpec, 'cap'> & { readonly cap: number | null };

/** What a file says of a state, beside its numbers. */
export interface LayerRecord {
  /** Kind of the cache that wrote it. */
  readonly kind: string;
  readonly id: string;
  readonly spec: SpecRecord;
  readonly B: number;
  /** Of each sequence. */
  readonly lengths: readonly number[];
  /** In how many bits its rows were kept; absent for f32. */
  readonly format?: CacheFormat;
  /** Bookkeeping of the kind, in JSON; read by the functions of `bookkeeping.ts`. */
  readonly state: Readonly<Record<string, unknown>>;
}

/** One state in a file: what it is and its numbers. */
export interface Snapshot extends LayerRecord {
  readonly sections: readonly { readonly name: string; readonly data: SectionData }[];
}

/** One state in the header: the sizes of its sections in place of their numbers. */
export interface LayerHeader extends LayerRecord {
  readonly sections: readonly {
    readonly name: string;
    readonly dtype: SectionType;
    readonly length: number;
  }[];
}
