import { type Device, keep, NOBODY, type Positions, tensor } from '@headwise/tensor';
import type { IndexTensor } from './checks.ts';

/**
 * Whole numbers beside the rows of a view (positions, slots, a cursor): one tensor as long as the shape stays, in
 * which only the numbers that change are written, so that one step after another reads the same memory.
 */
export class Indices {
  readonly #device: Device;
  #tensor: IndexTensor | undefined;
  /** What stands on the device. */
  #host = new Int32Array(0);

  constructor(device: Device) {
    this.#device = device;
  }

  get bytes(): number {
    return 4 * (this.#tensor?.size ?? 0);
  }

  /** The numbers as they stand; not to be written. */
  get host(): Int32Array {
    return this.#host;
  }

  /** A tensor of this shape: the one there is, or a new one full of −1. @returns whether it is new */
  reshape(shape: readonly number[]): boolean {
    const old = this.#tensor;
    if (old && sameShape(old.shape, shape)) return false;
    const none = new Int32Array(shape.reduce((size, axis) => size * axis, 1)).fill(NOBODY);
    this.#tensor = keep(tensor(this.#device, none, shape));
    this.#host = none;
    old?.dispose();
    return true;
  }

  /** Numbers from element `start` on; a device may convert the whole of what it is given, so it is given no more than changed. */
  write(start: number, values: Int32Array): void {
    let [first, last] = [0, values.length - 1];
    while (first <= last && this.#host[start + first] === values[first]) first++;
    while (last > first && this.#host[start + last] === values[last]) last--;
    if (first > last) return;
    const changed = last - first + 1 === values.length ? values : values.slice(first, last + 1);
    this.tensor.write(start + first, changed);
    this.#host.set(changed, start + first);
  }

  /** All numbers, under this shape. */
  set(values: Int32Array, shape: readonly number[]): IndexTensor {
    this.reshape(shape);
    this.write(0, values);
    return this.tensor;
  }

  /** The tensor; `reshape` makes it. */
  get tensor(): IndexTensor {
    if (!this.#tensor) throw new TypeError('indices: there are none yet');
    return this.#tensor;
  }

  /** Frees the tensor until the next `set`. */
  clear(): void {
    this.#tensor?.dispose();
    this.#tensor = undefined;
    this.#host = new Int32Array(0);
  }
}

function sameShape(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return false;
  for (let axis = 0; axis < one.length; axis++) if (one[axis] !== other[axis]) return false;
  return true;
}

/** Numbers `[rows, L]` that stand in a tensor, as positions. */
export function positionsOver(at: IndexTensor, host: Int32Array): Positions {
  const [rows, L] = at.shape as [number, number];
  const ends = Array.from({ length: rows }, (_, b) =>
    host.subarray(b * L, (b + 1) * L).reduce((end, position) => Math.max(end, position + 1), 0),
  );
  return { host: host.slice(), tensor: at, shape: [rows, L], end: Math.max(0, ...ends), ends };
}
