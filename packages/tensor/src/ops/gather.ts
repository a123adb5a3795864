import { bindAxes, sizeOf } from '../axes.ts';
import { ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import type { AnyAxes, Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

/**
 * `y[..., e] = table[ids[...], e]`: the embedding look-up.
 *
 * ```text
 * table [V, E]
 * ids   [...]      i32, 0 … V−1
 * →     [..., E]
 * ```
 *
 * A device cannot see a bad id without reading back, so an id outside the table gives a row of zeros on every
 * device; whoever makes ids on the host checks them there (`checkIds`).
 */
export const gatherOp = defineOp<{ table: Tensor; ids: Tensor<string, 'i32'> }, Record<never, never>>({
  name: 'gather',
  dtypes: { ids: 'i32' },
  outputs({ table, ids }) {
    const { E } = bindAxes('gather', { table: [table, 'V E'] });
    return [f32([...ids.shape, E])];
  },
  reference({ table, ids }) {
    const [V, E] = table.shape as [number, number];
    const y = new Float64Array(sizeOf(ids.shape) * E); // [ids, E]
    ids.data.forEach((id, n) => {
      if (id >= 0 && id < V) y.set(table.data.subarray(id * E, (id + 1) * E), n * E);
    });
    return [y];
  },
  gradient: {
    keeps: () => ['ids'],
    rule: ({ inputs: { ids }, shapes, dy }, ops) => ({ table: ops.scatterAdd(dy, ids, shapes.table[0]!) }),
  },
});

/**
 * Rows of a table.
 *
 * @param table `[V, E]`
 * @param ids `[...]` i32; an id outside `0 … V−1` gives zeros, see `checkIds`
 * @returns `[..., E]`
 * @throws {ShapeError} if the table is no matrix.
 * @throws {DeviceError} if a tensor is disposed, or the two are on different devices.
 */
export function gather<Axes extends string = AnyAxes>(
  table: Tensor,
  ids: Tensor<string, 'i32'>,
): Tensor<Axes> {
  return run(gatherOp, { table, ids }, {})[0] as Tensor<Axes>;
}

/**
 * Checks ids on the host before they are uploaded.
 *
 * @throws {ValueError} naming the first id that is not a whole number in `0 … V−1`, and its place.
 */
export function checkIds(op: string, ids: ArrayLike<number>, V: number): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (!Number.isInteger(id) || id < 0 || id >= V) {
      throw new ValueError(
        op,
        `ids[${i}]`,
        `must be a whole number from 0 to ${V - 1} (the table has ${V} rows)`,
        id,
      );
    }
  }
}
