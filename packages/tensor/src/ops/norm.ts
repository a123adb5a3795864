import { bindAxes } from '../axes.ts';
import type { OutputSpec } from '../contracts/device.ts';
import { ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { f32, rowsOf } from './rows.ts';

/**
 * `y = x / √(mean(x²) + eps) · weight` over the last axis. Zhang & Sennrich 2019, "Root Mean Square Layer
 * Normalization", eq. 4; `eps` inside the root as in Llama.
 *
 * ```text
 * x      [..., E]
 * weight [E]        optional
 * →      [..., E]
 * ```
 */
export const rmsNormOp = defineOp<{ x: Tensor; weight?: Tensor | undefined }, { eps: number }>({
  name: 'rmsNorm',
  outputs({ x, weight }) {
    bindAxes('rmsNorm', { x: [x, '... E'], weight: weight && [weight, 'E'] });
    return [f32(x.shape)];
  },
  reference({ x, weight }, { eps }) {
    const { rows, E } = rowsOf('rmsNorm', 'x', x);
    const y = new Float64Array(rows * E); // [rows, E]
    for (let r = 0; r < rows; r++) {
      let squares = 0;
      for (let e = 0; e < E; e++) squares += x.data[r * E + e]! ** 2;
      const inverse = 1 / Math.sqrt(squares / E + eps);
      for (let e = 0; e < E; e++)
        y[r * E + e] = x.data[r * E + e]! * inverse * (weight ? weight.data[e]! : 1);
    }
    return [y];
  },
  gradient: {
    keeps: (wants) => (wants('x') ? ['x', 'weight'] : ['x']),
    rule({ inputs: { x, weight }, shapes, params: { eps }, dy, wants }, ops) {
      const E = shapes.x.at(-1)!;
      const mean = (of: typeof dy) =>
        ops.reshape(ops.scale(ops.reduce(of, 'sum'), 1 / E), [...shapes.x.slice(0, -1), 1]);
      const deviation = ops.unary(ops.binary(mean(ops.multiply(x, x)), ops.number(dy, eps), 'add'), 'sqrt');
      const normed = ops.binary(x, deviation, 'divide');
      const back = () => {
        const inner = weight ? ops.multiply(dy, weight) : dy;
        const along = ops.binary(normed, mean(ops.multiply(inner, normed)), 'multiply');
        return ops.binary(ops.binary(inner, along, 'subtract'), deviation, 'divide');
      };
      return {
        x: wants('x') ? back() : undefined,
        weight: wants('weight') ? ops.sumTo(ops.multiply(dy, normed), [E]) : undefined,
      };
    },
  },
});

/**
 * Root-mean-square normalisation over the last axis.
 *
 * @param x `[..., E]`
 * @param weight `[E]`, or absent for 1
 * @throws {ShapeError} if the widths disagree.
 */
export function rmsNorm<Axes extends string>(
  x: Tensor<Axes>,
  weight?: Tensor,
  { eps = 1e-5 }: { readonly eps?: number } = {},
): Tensor<Axes> {
  return run(rmsNormOp, { x, weight }, { eps })[0] as Tensor<Axes>;
}

/**
 * `y = (x − mean) / √(variance + eps) · weight + bias` over the last axis, with the biased variance. Ba et al.
 * 2016, "Layer Normalization".
 *
 * ```text
 * x            [..., E]
 * weight, bias [E]        optional
 * →            [..., E]
 * → mean, inverse standard deviation [..., 1]   with `statistics: true`
 * ```
 */
export const layerNormOp = defineOp<
  { x: Tensor; weight?: Tensor | undefined; bias?: Tensor | undefined },
  { eps: number; statistics: boolean }
>({
  name: 'layerNorm',
  outputs({ x, weight, bias }, { statistics }) {
    bindAxes('layerNorm', {
      x: [x, '... E'],
      weight: weight && [weight, 'E'],
      bias: bias && [bias, 'E'],
    });
    const moments: OutputSpec = f32([...x.shape.slice(0, -1), 1]);
    return statistics ? [f32(x.shape), moments, moments] : [f32(x.shape)];
  },
  reference({ x, weight, bias }, { eps, statistics }) {
    const { rows, E } = rowsOf('layerNorm', 'x', x);
    const y = new Float64Array(rows * E); // [rows, E]
    const means = new Float64Array(rows);
    const inverses = new Float64Array(rows);
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      for (let e = 0; e < E; e++) sum += x.data[r * E + e]!;
      const mean = sum / E;
      let squares = 0;
      for (let e = 0; e < E; e++) squares += (x.data[r * E + e]! - mean) ** 2;
      const inverse = 1 / Math.sqrt(squares / E + eps);
      for (let e = 0; e < E; e++) {
        y[r * E + e] =
          (x.data[r * E + e]! - mean) * inverse * (weight ? weight.data[e]! : 1) + (bias ? bias.data[e]! : 0);
      }
      means[r] = mean;
      inverses[r] = inverse;
    }
    return statistics ? [y, means, inverses] : [y];
  },
  gradient: {
    taped: (params) => ({ ...params, statistics: true }),
    keeps: (wants) => (wants('x') ? ['x', 'weight', 1, 2] : wants('weight') ? ['x', 1, 2] : []),
    rule({ inputs: { x, weight }, shapes, dy, gradients, result, wants }, ops) {
      if (gradients[1] || gradients[2])
        throw new ValueError('layerNorm', 'statistics', 'have no gradient: compute them with reduce', 'one');
      const E = shapes.x.at(-1)!;
      const mean = (of: typeof dy) =>
        ops.reshape(ops.scale(ops.reduce(of, 'sum'), 1 / E), [...shapes.x.slice(0, -1), 1]);
      const normed = () => ops.binary(ops.binary(x, result(1), 'subtract'), result(2), 'multiply');
      const hat = wants('x') || wants('weight') ? normed() : dy;
      const back = () => {
        const inner = weight ? ops.multiply(dy, weight) : dy;
        const along = ops.binary(hat, mean(ops.multiply(inner, hat)), 'multiply');
        const centred = ops.binary(ops.binary(inner, mean(inner), 'subtract'), along, 'subtract');
        return ops.binary(centred, result(2), 'multiply');
      };
      return {
        x: wants('x') ? back() : undefined,
        weight: wants('weight') ? ops.sumTo(ops.multiply(dy, hat), [E]) : undefined,
        bias: wants('bias') ? ops.sumTo(dy, [E]) : undefined,
      };
    },
  },
});

/**
 * Layer normalisation over the last axis.
 *
 * @param x `[..., E]`
 * @throws {ShapeError} if the widths disagree.
 */
export function layerNorm<Axes extends string>(
  x: Tensor<Axes>,
  {
    weight,
    bias,
    eps = 1e-5,
  }: { readonly weight?: Tensor | undefined; readonly bias?: Tensor | undefined; readonly eps?: number } = {},
): Tensor<Axes> {
  return run(layerNormOp, { x, weight, bias }, { eps, statistics: false })[0] as Tensor<Axes>;
}
