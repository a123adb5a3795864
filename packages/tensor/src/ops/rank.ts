import { sizeOf, withLast, withoutLast } from '../axes.ts';
import { noGradient } from '../contracts/gradient.ts';
import { ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { f32, i32, rowsOf } from './rows.ts';

/**
 * How values are ordered: NaN above every number, as NumPy's argmax and PyTorch's argmax and topk have it; two NaN are
 * a tie. @returns below 0 if a is above b
 */
function fromAbove(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a === b ? 0 : a > b ? -1 : 1;
}

/** Index of the largest value of each row; the first one on ties. `[..., E]` → `[...]` i32. NaN is the largest. */
export const argmaxOp = defineOp<{ x: Tensor }, Record<never, never>>({
  name: 'argmax',
  outputs({ x }) {
    const { E } = rowsOf('argmax', 'x', x);
    if (E === 0) throw new ValueError('argmax', 'x', 'must have at least one element a row', 0);
    return [i32(withoutLast(x.shape))];
  },
  reference({ x }) {
    const { rows, E } = rowsOf('argmax', 'x', x);
    const y = new Float64Array(rows);
    for (let r = 0; r < rows; r++) {
      let best = 0;
      for (let e = 1; e < E; e++) if (fromAbove(x.data[r * E + e]!, x.data[r * E + best]!) < 0) best = e;
      y[r] = best;
    }
    return [y];
  },
  gradient: noGradient,
});

/**
 * The `k` largest (or smallest) values of each row in order, and their indices; the lower index on ties. NaN is above
 * every number: first among the largest, last among the smallest.
 */
export const topKOp = defineOp<{ x: Tensor }, { k: number; largest: boolean }>({
  name: 'topK',
  outputs({ x }, { k }) {
    const { E } = rowsOf('topK', 'x', x);
    if (!Number.isInteger(k) || k < 1 || k > E)
      throw new ValueError('topK', 'k', `must be a whole number from 1 to ${E} (the last axis)`, k);
    const shape = withLast(x.shape, k);
    return [f32(shape), i32(shape)];
  },
  reference({ x }, { k, largest }) {
    const { rows, E } = rowsOf('topK', 'x', x);
    const values = new Float64Array(rows * k); // [rows, k]
    const indices = new Float64Array(rows * k); // [rows, k]
    for (let r = 0; r < rows; r++) {
      const row = x.data.subarray(r * E, (r + 1) * E);
      const order = Array.from({ length: E }, (_, e) => e).sort(
        (a, b) => (largest ? fromAbove(row[a]!, row[b]!) : fromAbove(row[b]!, row[a]!)) || a - b,
      );
      for (let i = 0; i < k; i++) {
        values[r * k + i] = row[order[i]!]!;
        indices[r * k + i] = order[i]!;
      }
    }
    return [values, indices];
  },
  gradient: {
    keeps: () => [1],
    rule({ shapes, params: { k }, dy, result }, ops) {
      const E = shapes.x.at(-1)!;
      const rows = sizeOf(shapes.x) / E;
      // the place of each value, as rows of zeros with a one
      const places = ops.reshape(ops.cast(result(1), 'f32'), [rows, k, 1]);
      const there = ops.binary(places, ops.counting(dy, E), 'equal');
      return { x: ops.reshape(ops.matmul(ops.reshape(dy, [rows, 1, k]), there), shapes.x) };
    },
  },
});

/**
 * `[..., E]` → `[...]` i32: the index of the largest value of each row, the first one on ties. NaN is above every
 * number, so a row that has one gives the first of them.
 *
 * @throws {ValueError} if `E` is 0.
 * @throws {ShapeError} if x has no axis.
 * @throws {DeviceError} if x is disposed.
 */
export function argmax(x: Tensor): Tensor<string, 'i32'> {
  return run(argmaxOp, { x }, {})[0] as unknown as Tensor<string, 'i32'>;
}

/**
 * `[..., E]` → values and indices `[..., k]`, in order; the lower index on ties. NaN is above every number: first among
 * the largest, last among the smallest.
 *
 * @throws {ValueError} if `k` is not in `1 … E`.
 * @throws {ShapeError} if x has no axis.
 * @throws {DeviceError} if x is disposed.
 */
export function topK(
  x: Tensor,
  k: number,
  { largest = true }: { readonly largest?: boolean } = {},
): { values: Tensor; indices: Tensor<string, 'i32'> } {
  const [values, indices] = run(topKOp, { x }, { k, largest });
  return { values: values as Tensor, indices: indices as unknown as Tensor<string, 'i32'> };
}
