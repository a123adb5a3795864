import { bindAxes, sizeOf, withLast } from '../axes.ts';
import { defineOp, run } from '../op.ts';
import type { AnyAxes, Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

/**
 * A projection of its own for each head: `y[n, h, o] = Σ_i x[n, h, i] · weight[h, o, i]`. It carries the
 * absorbed form of multi-head latent attention from head width to latent width (the transposed way: one tensor
 * `[H, D, dc]` serves this and the plain projection of the latent) and back.
 *
 * ```text
 * x      [..., H, I]
 * weight [H, O, I]      or [H, I, O] with `transposed: true`
 * →      [..., H, O]
 * ```
 */
export const headLinearOp = defineOp<{ x: Tensor; weight: Tensor }, { transposed: boolean }>({
  name: 'headLinear',
  outputs({ x, weight }, { transposed }) {
    const { O } = bindAxes('headLinear', {
      x: [x, '... H I'],
      weight: [weight, transposed ? 'H I O' : 'H O I'],
    });
    return [f32(withLast(x.shape, O))];
  },
  reference({ x, weight }, { transposed }) {
    const [H, first, second] = weight.shape as [number, number, number];
    const [I, O] = transposed ? [first, second] : [second, first];
    const N = sizeOf(x.shape) / (H * I);
    const y = new Float64Array(N * H * O); // [N, H, O]
    for (let n = 0; n < N; n++) {
      for (let h = 0; h < H; h++) {
        for (let o = 0; o < O; o++) {
          let sum = 0;
          for (let i = 0; i < I; i++) {
            const w = transposed ? (h * I + i) * O + o : (h * O + o) * I + i;
            sum += x.data[(n * H + h) * I + i]! * weight.data[w]!;
          }
          y[(n * H + h) * O + o] = sum;
        }
      }
    }
    return [y];
  },
  gradient: {
    keeps: (wants) => [
      ...(wants('x') ? ['weight' as const] : []),
      ...(wants('weight') ? ['x' as const] : []),
    ],
    rule({ inputs: { x, weight }, shapes, params: { transposed }, dy, wants }, ops) {
      const [H, I] = shapes.x.slice(-2) as [number, number];
      const O = dy.shape.at(-1)!;
      const N = sizeOf(shapes.x.slice(0, -2));
      const weights = () => {
        const [ins, outs] = [ops.reshape(x, [N, H, I]), ops.reshape(dy, [N, H, O])];
        const [left, right] = transposed ? [ins, outs] : [outs, ins];
        return ops.matmul(ops.permute(left, [1, 2, 0]), ops.permute(right, [1, 0, 2]));
      };
      return {
        x: wants('x') ? ops.headLinear(dy, weight, { transposed: !transposed }) : undefined,
        weight: wants('weight') ? weights() : undefined,
      };
    },
  },
});

/**
 * One projection per head.
 *
 * @param x `[..., H, I]`
 * @param weight `[H, O, I]`, or `[H, I, O]` with `transposed: true`
 * @returns `[..., H, O]`
 * @throws {ShapeError} if heads or widths disagree.
 */
export function headLinear<Axes extends string = AnyAxes>(
  x: Tensor,
  weight: Tensor,
  { transposed = false }: { readonly transposed?: boolean } = {},
): Tensor<Axes> {
  return run(headLinearOp, { x, weight }, { transposed })[0] as Tensor<Axes>;
}
