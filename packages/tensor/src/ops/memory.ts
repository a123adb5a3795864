import { areSizes, sizeOf } from '../axes.ts';
import type { TensorHandle } from '../contracts/device.ts';
import { ShapeError, ValueError } from '../errors.ts';
import { defineOp } from '../op.ts';

/** The same numbers under another shape, in the same memory: nothing is copied. */
export const reshapeOp = defineOp<{ x: TensorHandle }, { readonly shape: readonly number[] }>({
  name: 'reshape',
  dtypes: { x: 'any' },
  shares: 'x',
  outputs({ x }, { shape }) {
    const size = sizeOf(x.shape);
    const wanted = sizeOf(shape);
    if (size !== wanted || !areSizes(shape)) {
      throw new ShapeError(
        'reshape',
        `${size} elements do not fill [${shape.join(', ')}], which has ${wanted}`,
        [{ name: 'tensor', axes: [], shape: x.shape }],
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  reference: ({ x }) => [Float64Array.from(x.data)],
  gradient: { rule: ({ shapes, dy }, ops) => ({ x: ops.reshape(dy, shapes.x) }) },
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

/** Rows that lie side by side in `rows` and in `target`: `count` of them, from row `from` and from row `to` on. */
export interface SlotRun {
  readonly from: number;
  readonly to: number;
  count: number;
}

/**
 * What `storeRows` copies, in order: the rows `b · L + l` with a slot to the rows `b · S + slots[b, l]`, in as few runs
 * as there are. For devices, once for each token of a cache: so in plain loops. Never throws.
 *
 * @param slots host numbers, of which those of `[B | 1, L]` begin at `start`
 */
export function slotRuns(
  slots: ArrayLike<number>,
  start: number,
  shape: readonly number[],
  B: number,
  S: number,
): readonly SlotRun[] {
  const L = shape[1]!;
  const perSequence = shape[0] === 1 ? 0 : L;
  const runs: SlotRun[] = [];
  let last: SlotRun | undefined;
  for (let b = 0; b < B; b++) {
    for (let l = 0; l < L; l++) {
      const slot = slots[start + b * perSequence + l]!;
      if (slot < 0 || slot >= S) continue;
      const from = b * L + l;
      const to = b * S + slot;
      if (last && from === last.from + last.count && to === last.to + last.count) last.count++;
      else runs.push((last = { from, to, count: 1 }));
    }
  }
  return runs;
}

/**
 * Rows to their slots, in place: what a cache does with new tokens. Which slots is a tensor, so that a step that is
 * repeated differs in numbers only. Of two rows with one slot the later one stays.
 *
 * ```text
 * target [B, S, ...row]
 * rows   [B, L, ...row]  of the same dtype
 * slots  [B | 1, L]      i32; outside 0 … S−1 (−1 for nobody): the row is left out
 * target[b, slots[b, l]] = rows[b, l]
 * ```
 */
export const storeRowsOp = defineOp<
  { target: TensorHandle; rows: TensorHandle; slots: TensorHandle },
  Record<never, never>
>({
  name: 'storeRows',
  dtypes: { target: 'any', rows: 'any', slots: 'i32' },
  stores: 'target',
  outputs({ target, rows, slots }) {
    if (rows.dtype !== target.dtype)
      throw new ValueError('storeRows', 'rows', `must be of dtype ${target.dtype}, as target is`, rows.dtype);
    if (rowsFit(target.shape, rows.shape) && slotsFit(rows.shape, slots.shape)) return [];
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

function rowsFit(target: readonly number[], rows: readonly number[]): boolean {
  if (rows.length < 2 || rows.length !== target.length) return false;
  for (let axis = 0; axis < rows.length; axis++) if (axis !== 1 && rows[axis] !== target[axis]) return false;
  return true;
}

function slotsFit(rows: readonly number[], slots: readonly number[]): boolean {
  return slots.length === 2 && slots[1] === rows[1] && (slots[0] === 1 || slots[0] === rows[0]);
}
