import type { Device, DType } from '../contracts/device.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { seededValues } from './seeded.ts';

/** One call of one operation, to be compared with the reference. */
export interface OpCase {
  readonly op: string;
  readonly name: string;
  /** Makes the arguments on the device and calls the operation. */
  readonly run: (device: Device) => readonly Tensor<string, DType>[];
  /** |got − want| ≤ atol + rtol · |want|; default 1e-5 each. */
  readonly atol?: number;
  readonly rtol?: number;
}

/** A case of one call. */
export function opCase(
  op: string,
  name: string,
  work: (device: Device) => Tensor<string, DType> | readonly Tensor<string, DType>[],
  tolerance: { readonly atol?: number; readonly rtol?: number } = {},
): OpCase {
  return { op, name, run: (device) => [work(device)].flat(), ...tolerance };
}

/** Values from −spread to spread. */
export const spread = (device: Device, shape: readonly number[], seed: number, by: number): Tensor =>
  tensor(
    device,
    seededValues(
      shape.reduce((size, axis) => size * axis, 1),
      seed,
    ).map((value) => value * by),
    shape,
  );
