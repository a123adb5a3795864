import { bindAxes } from '../axes.ts';
import { ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { binary, where } from './broadcast.ts';
import { cast } from './cast.ts';
import { add } from './elementwise.ts';
import { gather } from './gather.ts';
import { linear } from './linear.ts';
import { f32 } from './rows.ts';

type Inputs = {
  x: Tensor;
  weight: Tensor;
  ids: Tensor<string, 'i32'>;
  bias?: Tensor | undefined;
};

/**
 * Projections that a token chooses: of X matrices, one under the other, row n goes through those that `ids` names.
 *
 * ```text
 * y[n, s, o] = Σ_i x[n, s, i] · weight[e · O + o, i] + bias[e, o]      e = ids[n, s]
 * x      [N, S, I]   or [N, 1, I]: one row for all S
 * weight [X · O, I]
 * ids    [N, S]      i32, 0 … X−1; another one gives a row of zeros
 * bias   [X, O]      optional
 * →      [N, S, O]
 * ```
 *
 * The composition goes through all X and picks; a device's own kernel reads the chosen ones alone.
 */
export const expertLinearOp = defineOp<Inputs, { readonly experts: number }>({
  name: 'expertLinear',
  dtypes: { ids: 'i32' },
  outputs({ x, weight, ids, bias }, { experts: X }) {
    const { N, S, R } = bindAxes('expertLinear', {
      ids: [ids, 'N S'],
      x: [x, x.shape[1] === 1 ? 'N 1 I' : 'N S I'],
      weight: [weight, 'R I'],
    });
    const O = R / X;
    if (!Number.isInteger(X) || X < 1 || !Number.isInteger(O)) {
      const rule = `must be a whole number ≥ 1 that divides the ${R} rows of the weight`;
      throw new ValueError('expertLinear', 'experts', rule, X);
    }
    bindAxes('expertLinear', { bias: bias && [bias, `${X} ${O}`] });
    return [f32([N, S, O])];
  },
  reference({ x, weight, ids, bias }, { experts: X }) {
    const [N, S] = ids.shape as [number, number];
    const [R, I] = weight.shape as [number, number];
    const [O, rows] = [R / X, x.shape[1]!];
    const y = new Float64Array(N * S * O); // [N, S, O]
    for (let n = 0; n < N; n++) {
      for (let s = 0; s < S; s++) {
        const e = ids.data[n * S + s]!;
        if (e < 0 || e >= X) continue;
        const from = (n * rows + (rows === 1 ? 0 : s)) * I;
        for (let o = 0; o < O; o++) {
          let sum = bias ? bias.data[e * O + o]! : 0;
          for (let i = 0; i < I; i++) sum += x.data[from + i]! * weight.data[(e * O + o) * I + i]!;
          y[(n * S + s) * O + o] = sum;
        }
      }
    }
    return [y];
  },
  lower({ x, weight, ids, bias }, { experts: X }) {
    const [N, S] = ids.shape as [number, number];
    const rows = x.shape[1]!;
    const O = weight.shape[0]! / X;
    const { device } = x;
    const all = linear(x, weight).reshape([N * rows * X, O]);
    const number = (value: number): Tensor => tensor(device, [value], []);
    const e = cast(ids, 'f32');
    const first = tensor(
      device,
      Float32Array.from({ length: N * S }, (_, n) => (rows === 1 ? Math.floor(n / S) : n) * X),
      [N, S],
    );
    const there = binary(binary(number(-1), e, 'less'), binary(e, number(X), 'less'), 'multiply');
    const chosen = gather(all, cast(where(there, add(first, e), number(-1)), 'i32'));
    return [bias ? add(chosen, gather(bias, ids)) : chosen];
  },
});

/**
 * `y[n, s] = weight_e · x[n, s] + bias_e` with `e = ids[n, s]`: what a mixture of experts is made of.
 *
 * @param x `[N, S, I]`, or `[N, 1, I]`
 * @param weight `[X · O, I]`, the matrices of all experts one under the other
 * @param ids `[N, S]` i32; one outside `0 … X−1` gives zeros
 * @param options.experts X
 * @param options.bias `[X, O]`
 * @returns `[N, S, O]`
 * @throws {ShapeError} if the shapes disagree.
 * @throws {ValueError} if X does not divide the rows of the weight.
 */
export function expertLinear(
  x: Tensor,
  weight: Tensor,
  ids: Tensor<string, 'i32'>,
  { experts, bias }: { readonly experts: number; readonly bias?: Tensor | undefined },
): Tensor<'N S O'> {
  return run(expertLinearOp, { x, weight, ids, bias }, { experts })[0] as Tensor<'N S O'>;
}
