import { bindAxes, sizeOf, withLast, withoutLast } from '../axes.ts';
import { defineOp, run } from '../op.ts';
import type { AnyAxes, Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

/**
 * `y[n, o] = Σ_i x[n, i] · weight[o, i] + bias[o]`, the projection of PyTorch's `nn.Linear`.
 *
 * ```text
 * x      [..., I]
 * weight [O, I]      or [I, O] with `transposed: true` (GPT-2's Conv1D)
 * bias   [O]         optional
 * →      [..., O]
 * ```
 */
export const linearOp = defineOp<
  { x: Tensor; weight: Tensor; bias?: Tensor | undefined },
  { transposed: boolean }
>({
  name: 'linear',
  outputs({ x, weight, bias }, { transposed }) {
    const { O } = bindAxes('linear', {
      x: [x, '... I'],
      weight: [weight, transposed ? 'I O' : 'O I'],
      bias: bias ? ([bias, 'O'] as const) : undefined,
    });
    return [f32(withLast(x.shape, O))];
  },
  reference({ x, weight, bias }, { transposed }) {
    const [I, O] = transposed ? [weight.shape[0]!, weight.shape[1]!] : [weight.shape[1]!, weight.shape[0]!];
    const N = sizeOf(withoutLast(x.shape));
    const y = new Float64Array(N * O); // [N, O]
    for (let n = 0; n < N; n++) {
      for (let o = 0; o < O; o++) {
        let sum = bias ? bias.data[o]! : 0;
        for (let i = 0; i < I; i++)
          sum += x.data[n * I + i]! * weight.data[transposed ? i * O + o : o * I + i]!;
        y[n * O + o] = sum;
      }
    }
    return [y];
  },
  gradient: {
    keeps: (wants) => [
      ...(wants('x') ? ['weight' as const] : []),
      ...(wants('weight') ? ['x' as const] : []),
    ],
    rule({ inputs: { x, weight }, params: { transposed }, dy, wants }, ops) {
      const asked = (['weight', 'bias'] as const).filter(wants);
      const sums = asked.length > 0 ? ops.run('linearGradient', { x, dy }, { transposed, wants: asked }) : [];
      return {
        x: wants('x') ? ops.linear(dy, weight, { transposed: !transposed }) : undefined,
        ...Object.fromEntries(asked.map((name, i) => [name, sums[i]])),
      };
    },
  },
});

/**
 * `y = x · weightᵀ + bias` over the last axis.
 *
 * @param x `[..., I]`
 * @param weight `[O, I]`, or `[I, O]` with `transposed: true`
 * @returns `[..., O]`
 * @throws {ShapeError} if the widths disagree.
 */
export function linear<Axes extends string = AnyAxes>(
  x: Tensor,
  weight: Tensor,
  { bias, transposed = false }: { readonly bias?: Tensor | undefined; readonly transposed?: boolean } = {},
): Tensor<Axes> {
  return run(linearOp, { x, weight, bias }, { transposed })[0] as Tensor<Axes>;
}
