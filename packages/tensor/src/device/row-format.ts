import { sizeOf } from '../axes.ts';
import type { Device } from '../contracts/device.ts';
import { type RowFormat, rowFormats } from '../contracts/format.ts';
import { DeviceError, ShapeError, ValueError } from '../errors.ts';
import { Tensor } from '../tensor.ts';

/**
 * Zeros whose rows (the last axis) a device keeps in fewer bits, for caches. `write` rounds whole rows as ggml rounds and
 * touches no other; whoever reads them, `data()` and every operation, sees the rounded numbers.
 *
 * A finite number that the format cannot hold (`f16` ends at 65504, and so do the scales of blocks) is refused with a
 * `ValueError` when it is written from an array, before anything changes. Where it was computed on the device, it
 * becomes infinite in 16 bits and makes its block NaN; NaN and infinity themselves do the same, wherever they come from.
 *
 * @throws {DeviceError} if the device keeps 32 bits only, is disposed, or has no memory left.
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
