import { sizeOf } from '../axes.ts';
import type { TensorHandle } from '../contracts/device.ts';
import { ShapeError, ValueError } from '../errors.ts';
import { defineOp } from '../op.ts';

/** The same numbers under another shape, in the same memory: nothing is copied. */
export const reshapeOp = defineOp<{ x: TensorHandle }, { readonly shape: readonly number[] }>({
  name: 'reshape',
  dtypes: { x: 'any' },
  shares: 'x',
  outputs({ x }, { shape }) {
    const [size, wanted] = [sizeOf(x.shape), sizeOf(shape)];
    if (size !== wanted || shape.some((axis) => !Number.isInteger(axis) || axis < 0)) {
      throw new ShapeError(
        'reshape',
        `${size} elements do not fill [${shape.join(', ')}], which has ${wanted}`,
        [{ name: 'tensor', axes: [], shape: x.shape }],
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  reference: ({ x }) => [Float64Array.from(x.data)],
});

/** What `write` copies: `length` elements of a tensor or of host data, from `sourceOffset` on, to `offset`. */
export interface WriteParams {
  readonly offset: number;
  /** Where the source is no tensor. */
  readonly data?: Float32Array | Int32Array | undefined;
  readonly sourceOffset: number;
  readonly length: number;
}

/** `target[offset + i] = source[sourceOffset + i]` for `i < length`, in place; nothing else is touched. */
export const writeOp = defineOp<{ target: TensorHandle; source?: TensorHandle | undefined }, WriteParams>({
  name: 'write',
  dtypes: { target: 'any', source: 'any' },
  stores: 'target',
  outputs({ target, source }, { data }) {
    const from = source?.dtype ?? (data instanceof Int32Array ? 'i32' : 'f32');
    if (from === target.dtype) return [];
    throw new ValueError('write', 'source', `must be of dtype ${target.dtype}, as the tensor is`, from);
  },
  reference({ target, source }, { offset, data, sourceOffset, length }) {
    const from = source?.data ?? data!;
    target.data.set(from.subarray(sourceOffset, sourceOffset + length), offset);
    return [];
  },
  inMemory: (device, { target, source }, { offset, data, sourceOffset, length }) =>
    device.write(target.buffer, offset, data ?? source!.buffer, sourceOffset, length),
});

/**
 * Rows to their slots, in place: what a cache does with new tokens. Which slots is a tensor, so that a step that is
 * repeated differs in numbers only.
 *
 * ```text
 * target [B, S, ...row]
 * rows   [B, L, ...row]
 * slots  [B | 1, L]      i32; outside 0 … S−1 (−1 for nobody): the row is left out
 * target[b, slots[b, l]] = rows[b, l]
 * ```
 */
export const storeRowsOp = defineOp<
  { target: TensorHandle; rows: TensorHandle; slots: TensorHandle },
  Record<never, never>
>({
  name: 'storeRows',
  dtypes: { slots: 'i32' },
  stores: 'target',
  outputs({ target, rows, slots }) {
    const [B, L] = rows.shape;
    const fits =
      rows.shape.length === target.shape.length &&
      rows.shape.length >= 2 &&
      target.shape[0] === B &&
      rows.shape.every((size, axis) => axis < 2 || size === target.shape[axis]);
    const placed =
      slots.shape.length === 2 && slots.shape[1] === L && (slots.shape[0] === 1 || slots.shape[0] === B);
    if (fits && placed) return [];
    throw new ShapeError(
      'storeRows',
      'rows must be [B, L, ...row] of a target [B, S, ...row], slots [B | 1, L]',
      [
        { name: 'target', axes: ['B', 'S'], shape: target.shape },
        { name: 'rows', axes: ['B', 'L'], shape: rows.shape },
        { name: 'slots', axes: ['B', 'L'], shape: slots.shape },
      ],
    );
  },
  reference({ target, rows, slots }) {
    const [B, L] = rows.shape as [number, number];
    const S = target.shape[1]!;
    const width = sizeOf(rows.shape.slice(2));
    for (let b = 0; b < B; b++) {
      for (let l = 0; l < L; l++) {
        const slot = slots.data[(slots.shape[0] === 1 ? 0 : b) * L + l]!;
        if (slot < 0 || slot >= S) continue;
        const from = (b * L + l) * width;
        target.data.set(rows.data.subarray(from, from + width), (b * S + slot) * width);
      }
    }
    return [];
  },
});
