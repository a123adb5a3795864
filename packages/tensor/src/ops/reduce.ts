import { withoutLast } from '../axes.ts';
import type { ReduceKind } from '../contracts/kinds.ts';
import { ValueError } from '../errors.ts';
import { checkKind } from '../given.ts';
import { defineOp, run } from '../op.ts';
import { scope } from '../scope.ts';
import type { AnyAxes, Tensor } from '../tensor.ts';
import { permute } from './permute.ts';
import { f32, rowsOf } from './rows.ts';

export type { ReduceKind } from '../contracts/kinds.ts';

const kinds: readonly ReduceKind[] = ['sum', 'max', 'min'];

/**
 * The numbers of each row to one: their sum, the largest or the smallest. A row of nothing gives 0, −∞ or ∞; one that
 * holds NaN gives NaN.
 *
 * ```text
 * x [..., E]
 * → [...]
 * ```
 */
export const reduceOp = defineOp<{ x: Tensor }, { readonly kind: ReduceKind }>({
  name: 'reduce',
  outputs({ x }, { kind }) {
    checkKind('reduce', 'kind', kind, kinds);
    rowsOf('reduce', 'x', x);
    return [f32(withoutLast(x.shape))];
  },
  reference({ x }, { kind }) {
    const E = x.shape.at(-1)!;
    const rows = withoutLast(x.shape).reduce((size, axis) => size * axis, 1);
    const start = { sum: 0, max: -Infinity, min: Infinity }[kind];
    const next = {
      sum: (a: number, b: number): number => a + b,
      max: (a: number, b: number): number => Math.max(a, b),
      min: (a: number, b: number): number => Math.min(a, b),
    }[kind];
    const y = new Float64Array(rows).fill(start); // [rows]
    for (let r = 0; r < rows; r++) for (let e = 0; e < E; e++) y[r] = next(y[r]!, x.data[r * E + e]!);
    return [y];
  },
  gradient: {
    keeps: (_, { kind }) => (kind === 'sum' ? [] : ['x', 0]),
    rule({ inputs: { x }, shapes, params: { kind }, dy, result }, ops) {
      const column = [...shapes.x.slice(0, -1), 1];
      const each = ops.reshape(dy, column);
      if (kind === 'sum') return { x: ops.spread(each, shapes.x) };
      // shared by those that are equally large
      const best = ops.binary(x, ops.reshape(result(0), column), 'equal');
      const share = ops.binary(each, ops.reshape(ops.reduce(best, 'sum'), column), 'divide');
      return { x: ops.binary(best, share, 'multiply') };
    },
  },
});

/**
 * Sum, largest or smallest over some axes, which are gone from the result.
 *
 * @param axes from the left, or from the right when negative; default the last one
 * @throws {ValueError} for a kind that is none, an axis that x has not, or one twice.
 */
export function reduce<Axes extends string = AnyAxes>(
  x: Tensor,
  kind: ReduceKind,
  axes: readonly number[] = [-1],
): Tensor<Axes> {
  const rank = x.shape.length;
  const gone = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  if (
    new Set(gone).size !== gone.length ||
    !gone.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank)
  )
    throw new ValueError('reduce', 'axes', `must be different axes of the ${rank} of x`, axes);
  if (gone.length === 1 && gone[0] === rank - 1) return run(reduceOp, { x }, { kind })[0] as Tensor<Axes>;
  const left = x.shape.map((_, axis) => axis).filter((axis) => !gone.includes(axis));
  return scope(() => {
    const last = permute(x, [...left, ...gone]);
    const flat = last.reshape([
      ...left.map((axis) => x.shape[axis]!),
      gone.reduce((size, axis) => size * x.shape[axis]!, 1),
    ]);
    return run(reduceOp, { x: flat }, { kind })[0] as Tensor<Axes>;
  });
}
