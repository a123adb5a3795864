import { bytesOfRow, type DeviceBuffer, type DType, type RowFormat } from '@headwise/tensor';
import { Format } from '../assembly/kernel-list.ts';

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

/** Rows that are kept in fewer bits; the layout is described in assembly/stored.ts. */
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

/** A piece of the heap. */
export class WasmBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly length: number;
  address: number;
  /** What the device's books say it takes: 4 bytes an element, or the bytes of a smaller storage format. */
  readonly counted: number;
  /** Set while the numbers are stored as panels of a weight instead of row by row. */
  panels: Panels | undefined;
  /** Panels beside the rows, of a constant that is read both ways, or as a weight in more than one way. */
  packs: Pack[] | undefined;
  /** Set for rows that are kept in fewer bits. */
  readonly stored: StoredRows | undefined;
  /** A number that is not finite was stored: the fast ways of reading do not know those. */
  odd = false;
  /** Came from the host and was not written since: when it is used as a weight, its panels are kept. */
  constant: boolean;

  constructor(
    dtype: DType,
    length: number,
    address: number,
    options: { readonly constant?: boolean; readonly counted?: number; readonly stored?: StoredRows } = {},
  ) {
    const { constant = false, counted = length * 4, stored } = options;
    this.dtype = dtype;
    this.length = length;
    this.address = address;
    this.counted = counted;
    this.constant = constant;
    this.stored = stored;
  }

  get bytes(): number {
    return this.counted;
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
