import { sizeOf } from '../axes.ts';
import { DeviceError, ShapeError, ValueError } from '../errors.ts';
import { Tensor } from '../tensor.ts';
import type { Device } from './device.ts';

/**
 * How rows of f32 may be kept in fewer bits: 16 bits a number, or the blocks of GGUF, 32 numbers along a row with a
 * scale (Q8_0: 8.5 bits a number, Q4_0: 4.5) or a scale and a minimum (Q4_1: 5).
 */
export type RowFormat = 'f16' | 'bf16' | 'Q8_0' | 'Q4_0' | 'Q4_1';

const blockBytes = { Q8_0: 34, Q4_0: 18, Q4_1: 20 } as const;
const BLOCK = 32;

/** The largest finite f16, and so the largest scale of a block. */
const LARGEST_HALF = 65504;
/** A scale is the largest number over 127 (Q8_0) or 8 (Q4_0); a minimum (Q4_1) is a number of the block itself. */
const largest = {
  f16: LARGEST_HALF,
  bf16: (2 - 2 ** -7) * 2 ** 127,
  Q8_0: 127 * LARGEST_HALF,
  Q4_0: 8 * LARGEST_HALF,
  Q4_1: LARGEST_HALF,
} as const;

/** Every `RowFormat`. */
export const rowFormats: readonly RowFormat[] = ['f16', 'bf16', 'Q8_0', 'Q4_0', 'Q4_1'];

/** Bytes of one row of `width` numbers; a last block that is not full takes as much as a full one. */
export function bytesOfRow(width: number, format: RowFormat): number {
  if (format === 'f16' || format === 'bf16') return 2 * width;
  return Math.ceil(width / BLOCK) * blockBytes[format];
}

/**
 * The largest size of a finite number that a format takes, whatever stands beside it: what is larger is refused by the
 * device that is to keep it, and never becomes an infinity silently. Never throws for a `RowFormat`.
 */
export function largestIn(format: RowFormat): number {
  return largest[format];
}

/**
 * Zeros whose rows (the last axis) a device keeps in fewer bits, for caches. `write` rounds whole rows as ggml rounds and
 * touches no other; whoever reads them, `data()` and every operation, sees the rounded numbers. A finite number above
 * `largestIn(format)` is refused before any of the write is stored. One that was not finite stays so: 16 bits keep it,
 * and a block that has one becomes NaN.
 *
 * @throws {DeviceError} if the device keeps 32 bits only.
 * @throws {ShapeError} if there is no last axis, or an axis is not a whole number.
 * @throws {ValueError} if the format is not a `RowFormat`.
 * @example
 * const k = zerosIn<'B Lk Hkv D'>(device, [1, 4096, 8, 64], 'Q8_0');
 */
export function zerosIn<Axes extends string>(
  device: Device,
  shape: readonly number[],
  format: RowFormat,
): Tensor<Axes> {
  if (!rowFormats.includes(format))
    throw new ValueError('zerosIn', 'format', `must be one of ${rowFormats.join(', ')}`, format);
  if (shape.length === 0 || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ShapeError(
      'zerosIn',
      `there must be a last axis and every axis a whole number ≥ 0, got [${shape.join(', ')}]`,
      [],
    );
  }
  if (!device.allocateRows) {
    throw new DeviceError(
      device.name,
      `cannot keep rows as ${format}`,
      ['its buffers hold 32 bits a number'],
      'Use the device wasm, or leave the format out.',
    );
  }
  const width = shape.at(-1)!;
  const rows = sizeOf(shape.slice(0, -1));
  return new Tensor<Axes>(device, device.allocateRows(rows, width, format), shape);
}
