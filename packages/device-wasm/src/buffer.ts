import type { DeviceBuffer, DType } from '@headwise/tensor';
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

/** A piece of the heap. */
export class WasmBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly length: number;
  address: number;
  /** What the device's books say it takes: 4 bytes an element, or the bytes of a smaller storage format. */
  readonly counted: number;
  /** Set while the numbers are stored as panels of a weight instead of row by row. */
  panels: Panels | undefined;
  /** Came from the host and was not written since: worth packing when it is used as a weight. */
  constant: boolean;

  constructor(
    dtype: DType,
    length: number,
    address: number,
    { constant = false, counted = length * 4 } = {},
  ) {
    this.dtype = dtype;
    this.length = length;
    this.address = address;
    this.counted = counted;
    this.constant = constant;
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
