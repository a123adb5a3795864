import { sizeOf } from '../axes.ts';
import type { Device } from '../contracts/device.ts';
import { seededBits } from '../random.ts';
import { type AnyAxes, type Tensor, tensor } from '../tensor.ts';

/** Reproducible numbers in [−1, 1): the same on every platform. Never throws. */
export function seededValues(length: number, seed: number): Float32Array {
  const bits = seededBits(seed);
  return Float32Array.from({ length }, () => (bits() >>> 8) / 2 ** 23 - 1);
}

/**
 * A tensor of reproducible numbers in [−1, 1).
 *
 * @throws {ShapeError} if an axis is not a whole number.
 * @throws {DeviceError} if the device is disposed, or has no memory left.
 */
export function seeded<Axes extends string = AnyAxes>(
  device: Device,
  shape: readonly number[],
  seed: number,
): Tensor<Axes> {
  return tensor<Axes>(device, seededValues(sizeOf(shape), seed), shape);
}
