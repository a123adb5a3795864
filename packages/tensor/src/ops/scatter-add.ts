import { bindAxes, sizeOf } from '../axes.ts';
import { ShapeError, ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import type { AnyAxes, Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

/**
 * Rows summed up by id: the adjoint of `gather`.
 *
 * ```text
 * rows [..., E]
 * ids  [...]        i32; outside 0 … V−1 the row is left out
 * →    [V, E]       y[v] = Σ of the rows whose id is v
 * ```
 */
export const scatterAddOp = defineOp<{ rows: Tensor; ids: Tensor<string, 'i32'> }, { readonly V: number }>({
  name: 'scatterAdd',
  dtypes: { ids: 'i32' },
  outputs({ rows, ids }, { V }) {
    const { E } = bindAxes('scatterAdd', { rows: [rows, '... E'] });
    if (!Number.isInteger(V) || V < 0)
      throw new ValueError('scatterAdd', 'V', 'must be a whole number ≥ 0', V);
    if (sizeOf(ids.shape) * E !== sizeOf(rows.shape))
      throw new ShapeError('scatterAdd', `there must be one id a row, there are ${sizeOf(ids.shape)}`, [
        { name: 'rows', axes: [], shape: rows.shape },
        { name: 'ids', axes: [], shape: ids.shape },
      ]);
    return [f32([V, E])];
  },
  reference({ rows, ids }, { V }) {
    const E = rows.shape.at(-1)!;
    const y = new Float64Array(V * E); // [V, E]
    ids.data.forEach((id, n) => {
      if (id < 0 || id >= V) return;
      for (let e = 0; e < E; e++) y[id * E + e]! += rows.data[n * E + e]!;
    });
    return [y];
  },
  gradient: {
    keeps: () => ['ids'],
    rule: ({ inputs: { ids }, shapes, dy }, ops) => ({ rows: ops.reshape(ops.gather(dy, ids), shapes.rows) }),
  },
});

/**
 * Rows summed up by id.
 *
 * @param rows `[..., E]`
 * @param ids `[...]` i32; one outside `0 … V−1` leaves its row out
 * @returns `[V, E]`
 * @throws {ShapeError} if there is not one id a row.
 * @throws {ValueError} if V is not a whole number ≥ 0, or the ids are not i32.
 */
export function scatterAdd<Axes extends string = AnyAxes>(
  rows: Tensor,
  ids: Tensor<string, 'i32'>,
  V: number,
): Tensor<Axes> {
  return run(scatterAddOp, { rows, ids }, { V })[0] as Tensor<Axes>;
}
