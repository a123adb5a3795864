import { bytesOfRow, type DeviceBuffer, type DType, type RowFormat } from '@headwise/tensor';
import { Format } from '../assembly/kernel-list.ts';
import type { Arena } from './arena.ts';

/** How the panels of a weight were made from its rows. */
export interface Panels {
  readonly G: number;
  readonly O: number;
  readonly I: number;
  /** The rows were `[G, I, O]`. */
  readonly transposed: boolean;
  readonly format: Format;
}

/** The same numbers once more, as panels. */
export interface Pack {
  readonly address: number;
  readonly panels: Panels;
}

/** How rows are kept in fewer bits; described in assembly/stored.ts. */
export interface StoredRows {
  readonly width: number;
  readonly format: Format;
  /** Bytes of one row. */
  readonly bytes: number;
}

/** How rows of `width` numbers are kept in a format. */
export function storedRows(width: number, format: RowFormat): StoredRows {
  return { width, format: Format[format], bytes: bytesOfRow(width, format) };
}

/** Rows in fewer bits. */
export interface StoredLayout extends StoredRows {
  readonly kind: 'stored';
  /** A number that is not finite was stored: the fast ways of reading do not know those. */
  odd: boolean;
}

/** How the numbers of a buffer lie in the heap. */
export type Layout =
  /** Row by row, and written at any time. */
  | { readonly kind: 'rows' }
  /**
   * Row by row as they came from the host and not written since: panels that are made of them are kept beside them, of
   * what is read both ways, or as a weight in more than one way.
   */
  | { readonly kind: 'constant'; readonly packs: readonly Pack[] }
  /** As the panels of a weight and nothing else. */
  | { readonly kind: 'panels'; readonly panels: Panels }
  | StoredLayout;

const ROWS: Layout = { kind: 'rows' };

/** A piece of the heap. */
export class WasmBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly length: number;
  address: number;
  layout: Layout;
  /** What the device's books say it takes: 4 bytes an element, or the bytes of a smaller storage format. */
  readonly bytes: number;
  /** Of a recorded step: where its memory goes back to. */
  readonly arena: Arena | undefined;

  constructor(
    dtype: DType,
    length: number,
    address: number,
    layout: Layout = ROWS,
    bytes: number = length * 4,
    arena?: Arena,
  ) {
    this.dtype = dtype;
    this.length = length;
    this.address = address;
    this.layout = layout;
    this.bytes = bytes;
    this.arena = arena;
  }

  /** Set where there is nothing but the panels of a weight. */
  get panels(): Panels | undefined {
    return this.layout.kind === 'panels' ? this.layout.panels : undefined;
  }

  /** Panels beside the rows. */
  get packs(): readonly Pack[] {
    return this.layout.kind === 'constant' ? this.layout.packs : [];
  }

  /** Set for rows that are kept in fewer bits. */
  get stored(): StoredLayout | undefined {
    return this.layout.kind === 'stored' ? this.layout : undefined;
  }
}

/** Bytes of one panel of 8 outputs over `I` inputs; as `panelBytes` of assembly/format.ts. */
export function panelBytes(format: Format, I: number): number {
  switch (format) {
    case Format.f32:
      return I * 32;
    case Format.f16:
    case Format.bf16:
      return I * 16;
    case Format.Q8_0:
      return (I / 32) * 272;
    case Format.Q4_0:
      return (I / 32) * 144;
    case Format.Q4_1:
      return (I / 32) * 160;
  }
}

/** Bytes of all panels of a weight. */
export function packedBytes({ G, O, I, format }: Panels): number {
  return G * Math.ceil(O / 8) * panelBytes(format, I);
}
