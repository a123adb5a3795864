import type { DType, TensorHandle } from '../contracts/device.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';

/** The same numbers in another dtype; to i32 towards zero. What does not fit an i32, NaN included, is left open. */
export const castOp = defineOp<{ x: TensorHandle }, { readonly dtype: DType }>({
  name: 'cast',
  dtypes: { x: 'any' },
  outputs: ({ x }, { dtype }) => [{ shape: x.shape, dtype }],
  reference: ({ x }, { dtype }) => [
    Float64Array.from(x.data as Float64Array, (value) => (dtype === 'i32' ? Math.trunc(value) : value)),
  ],
  gradient: { flows: ({ dtype }) => dtype === 'f32', rule: ({ dy }) => ({ x: dy }) },
});

/**
 * Positions or ids as values to compute with, and back (exact up to 2^24; to i32 towards zero).
 *
 * @throws {DeviceError} if the tensor is disposed.
 */
export function cast<Axes extends string, T extends DType>(
  x: Tensor<Axes> | Tensor<Axes, 'i32'>,
  dtype: T,
): Tensor<Axes, T> {
  return run(castOp, { x }, { dtype })[0] as Tensor<Axes, T>;
}
