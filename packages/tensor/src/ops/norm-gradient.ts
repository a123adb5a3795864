import { bindAxes, withLast } from '../axes.ts';
import type { ShapedInput } from '../contracts/device.ts';
import { defineOp } from '../op.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { binary } from './broadcast.ts';
import { multiply } from './elementwise.ts';
import { linear } from './linear.ts';
import { reduce } from './reduce.ts';
import { f32, rowsOf } from './rows.ts';
import { unary } from './unary.ts';

/** Which norm, and which gradients of it. */
export interface NormGradientParams {
  readonly eps: number;
  /** LayerNorm, which subtracts the mean; else RMSNorm. */
  readonly centred: boolean;
  readonly wants: readonly ('x' | 'weight' | 'bias')[];
}

type Inputs = { readonly x: Tensor; readonly weight?: Tensor | undefined; readonly dy: Tensor };

/**
 * The gradients of a norm over the last axis, in the order of `wants`.
 *
 * ```text
 * x, dy  [..., E]
 * weight [E]        optional
 * n      = (x − mean) · r,  r = 1 / √(variance + eps)         without the mean for RMSNorm
 * g      = dy · weight
 * dx     = r · (g − mean(g) − n · mean(g · n))   [..., E]      without mean(g) for RMSNorm
 * dweight = Σ dy · n, dbias = Σ dy               [E]           over all rows
 * ```
 */
export const normGradientOp = defineOp<Inputs, NormGradientParams>({
  name: 'normGradient',
  outputs(inputs, { wants }) {
    const { x, weight, dy } = inputs;
    const axes = x.shape.map((_, axis) => (axis === x.shape.length - 1 ? 'E' : `axis${axis}`)).join(' ');
    bindAxes('normGradient', { x: [x, axes], dy: [dy, axes], weight: weight && [weight, 'E'] });
    return wants.map((name) => f32(name === 'x' ? x.shape : [lastOf(x)]));
  },
  reference({ x, weight, dy }, { eps, centred, wants }) {
    const { rows, E } = rowsOf('normGradient', 'x', x);
    const made = {
      x: new Float64Array(rows * E), // [rows, E]
      weight: new Float64Array(E),
      bias: new Float64Array(E),
    };
    for (let r = 0; r < rows; r++) {
      const value = (e: number): number => x.data[r * E + e]!;
      let mean = 0;
      if (centred) for (let e = 0; e < E; e++) mean += value(e) / E;
      let squares = 0;
      for (let e = 0; e < E; e++) squares += (value(e) - mean) ** 2;
      const inverse = 1 / Math.sqrt(squares / E + eps);
      let [sum, along] = [0, 0];
      for (let e = 0; e < E; e++) {
        const normed = (value(e) - mean) * inverse;
        const back = dy.data[r * E + e]!;
        const inner = back * (weight ? weight.data[e]! : 1);
        sum += inner / E;
        along += (inner * normed) / E;
        made.weight[e]! += back * normed;
        made.bias[e]! += back;
      }
      for (let e = 0; e < E; e++) {
        const inner = dy.data[r * E + e]! * (weight ? weight.data[e]! : 1);
        made.x[r * E + e] = inverse * (inner - (centred ? sum : 0) - (value(e) - mean) * inverse * along);
      }
    }
    return wants.map((name) => made[name]);
  },
  lower({ x, weight, dy }, { eps, centred, wants }) {
    const E = lastOf(x);
    const column = withLast(x.shape, 1);
    const number = (value: number): Tensor => tensor(x.device, [value], []);
    const mean = (of: Tensor): Tensor => binary(reduce(of, 'sum'), number(1 / E), 'multiply').reshape(column);
    const minus = (a: Tensor, b: Tensor): Tensor => binary(a, b, 'subtract');
    const shifted = centred ? minus(x, mean(x)) : x;
    const deviation = unary(binary(mean(multiply(shifted, shifted)), number(eps), 'add'), 'sqrt');
    const normed = binary(shifted, deviation, 'divide');
    const inner = weight ? multiply(dy, weight) : dy;
    const results = {
      x: (): Tensor => {
        const along = binary(normed, mean(multiply(inner, normed)), 'multiply');
        return binary(minus(centred ? minus(inner, mean(inner)) : inner, along), deviation, 'divide');
      },
      weight: (): Tensor => columnSums(multiply(dy, normed)),
      bias: (): Tensor => columnSums(dy),
    };
    return wants.map((name) => results[name]());
  },
});

function lastOf({ shape }: ShapedInput | Tensor): number {
  return shape.at(-1)!;
}

/** `[..., E]` → `[E]`: a product with ones, which sums columns up where they lie. */
function columnSums(x: Tensor): Tensor {
  const E = lastOf(x);
  const N = x.size / Math.max(1, E);
  const ones = tensor(x.device, new Float32Array(N).fill(1), [1, N]);
  return linear(ones, x.reshape([N, E]), { transposed: true }).reshape([E]);
}
