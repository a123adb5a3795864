import { bindAxes, withLast } from '../axes.ts';
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
    rule({ inputs: { x, weight }, params: { eps }, dy, wants }, ops) {
      const asked = (['x', 'weight'] as const).filter(wants);
      const found = ops.run('normGradient', { x, weight, dy }, { eps, centred: false, wants: asked });
      return Object.fromEntries(asked.map((name, i) => [name, found[i]]));
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
    if (!statistics) return [f32(x.shape)];
    const moments: OutputSpec = f32(withLast(x.shape, 1));
    return [f32(x.shape), moments, moments];
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
    keeps: (wants) => (wants('x') ? ['x', 'weight'] : ['x']),
    rule({ inputs: { x, weight }, params: { eps }, dy, gradients, wants }, ops) {
      if (gradients[1] || gradients[2])
        throw new ValueError('layerNorm', 'statistics', 'have no gradient: compute them with reduce', 'one');
      const asked = (['x', 'weight', 'bias'] as const).filter(wants);
      const found = ops.run('normGradient', { x, weight, dy }, { eps, centred: true, wants: asked });
      return Object.fromEntries(asked.map((name, i) => [name, found[i]]));
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
