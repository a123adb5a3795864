import { sizeOf } from '../axes.ts';
import { ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import type { AnyAxes, Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

/**
 * The axes in another order: axis i of the result is axis `axes[i]` of x.
 *
 * ```text
 * x [s0, s1, …]
 * → [s_axes[0], s_axes[1], …]
 * ```
 */
export const permuteOp = defineOp<{ x: Tensor }, { readonly axes: readonly number[] }>({
  name: 'permute',
  outputs({ x }, { axes }) {
    const { length } = x.shape;
    if (axes.length !== length || ![...axes].sort((a, b) => a - b).every((axis, i) => axis === i))
      throw new ValueError('permute', 'axes', `must name each of the ${length} axes of x once`, axes);
    return [f32(axes.map((axis) => x.shape[axis]!))];
  },
  reference({ x }, { axes }) {
    const shape = axes.map((axis) => x.shape[axis]!);
    const strides = permutedStrides(x.shape, axes);
    return [
      Float64Array.from({ length: sizeOf(shape) }, (_, n) => {
        let offset = 0;
        for (let axis = shape.length - 1, left = n; axis >= 0; axis--) {
          offset += (left % shape[axis]!) * strides[axis]!;
          left = Math.floor(left / shape[axis]!);
        }
        return x.data[offset]!;
      }),
    ];
  },
  gradient: {
    rule: ({ params: { axes }, dy }, ops) => ({
      x: ops.permute(
        dy,
        axes.map((_, axis) => axes.indexOf(axis)),
      ),
    }),
  },
});

/** How far apart two neighbours along each axis of the result of `permute` lie in x. Never throws. */
export function permutedStrides(shape: readonly number[], axes: readonly number[]): number[] {
  return axes.map((axis) => sizeOf(shape.slice(axis + 1)));
}

/**
 * The axes in another order.
 *
 * @param axes `permute(x, [0, 2, 1])` exchanges the last two of three
 * @throws {ValueError} unless `axes` names each axis once.
 */
export function permute<Axes extends string = AnyAxes>(x: Tensor, axes: readonly number[]): Tensor<Axes> {
  return run(permuteOp, { x }, { axes })[0] as Tensor<Axes>;
}
