import { type HostTensor, numbersOf } from '@headwise/models';
import { type Device, type Tensor, tensor } from '@headwise/tensor';
import { Skip } from './contract.ts';

/** Whole numbers are exact in float32 up to here. */
const LAST_EXACT = 2 ** 24;

/**
 * An input as an f32 tensor of its own or another shape.
 *
 * @throws {Skip} if float32 cannot hold its values: too large, too small, or whole numbers beyond 2^24.
 */
export function floatTensor(device: Device, host: HostTensor, shape: readonly number[] = host.shape): Tensor {
  return tensor(device, floats(host), shape);
}

/** The values of an input as float32. @throws {Skip} as `floatTensor`. */
export function floats(host: HostTensor): Float32Array {
  const values = numbersOf(host);
  if (values instanceof Float32Array) return values;
  const narrow = Float32Array.from(values);
  const whole = !(values instanceof Float64Array) || host.dtype === 'I64' || host.dtype === 'U64';
  narrow.forEach((value, i) => {
    const given = values[i]!;
    if (whole ? Math.abs(given) > LAST_EXACT : lost(value, given))
      throw new Skip(`${host.dtype} value ${given} is out of the range of float32`);
  });
  return narrow;
}

/** The values of an input as whole numbers, for ids and counts. @throws {Skip} beyond int32. */
export function wholeNumbers(host: HostTensor): Int32Array {
  return Int32Array.from(numbersOf(host), (value) => {
    if (value !== Math.trunc(value) || Math.abs(value) > 2 ** 31 - 1)
      throw new Skip(`${host.dtype} value ${value} is out of the range of int32`);
    return value;
  });
}

/** Overflow to infinity, or underflow to zero. */
function lost(narrow: number, given: number): boolean {
  return Number.isFinite(given) && (!Number.isFinite(narrow) || (narrow === 0 && given !== 0));
}
