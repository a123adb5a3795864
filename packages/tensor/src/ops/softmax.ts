import type { HostArray } from '../contracts/device.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { f32, rowsOf } from './rows.ts';

/** `y = exp(x − max) / Σ exp(x − max)` over the last axis. A row of nothing but −∞ gives zeros. */
export const softmaxOp = defineOp<{ x: Tensor }, Record<never, never>>({
  name: 'softmax',
  outputs({ x }) {
    rowsOf('softmax', 'x', x);
    return [f32(x.shape)];
  },
  reference: ({ x }) => [
    perRow(x, (value, max, sum) => (max === -Infinity ? 0 : Math.exp(value - max) / sum)),
  ],
  gradient: {
    keeps: () => [0],
    rule({ shapes, dy, result }, ops) {
      const weighted = ops.multiply(dy, result(0));
      const mean = ops.reshape(ops.reduce(weighted, 'sum'), [...shapes.x.slice(0, -1), 1]);
      return { x: ops.binary(weighted, ops.binary(result(0), mean, 'multiply'), 'subtract') };
    },
  },
});

/** `y = x − max − ln Σ exp(x − max)` over the last axis. */
export const logSoftmaxOp = defineOp<{ x: Tensor }, Record<never, never>>({
  name: 'logSoftmax',
  outputs({ x }) {
    rowsOf('logSoftmax', 'x', x);
    return [f32(x.shape)];
  },
  reference: ({ x }) => [
    perRow(x, (value, max, sum) => (max === -Infinity ? -Infinity : value - max - Math.log(sum))),
  ],
  gradient: {
    keeps: () => [0],
    rule({ shapes, dy, result }, ops) {
      const sum = ops.reshape(ops.reduce(dy, 'sum'), [...shapes.x.slice(0, -1), 1]);
      return { x: ops.binary(dy, ops.binary(ops.unary(result(0), 'exp'), sum, 'multiply'), 'subtract') };
    },
  },
});

/**
 * Softmax over the last axis of `[..., E]`; a row of nothing but −∞ gives zeros.
 *
 * @throws {ShapeError} if x has no axis.
 * @throws {DeviceError} if x is disposed.
 */
export function softmax<Axes extends string>(x: Tensor<Axes>): Tensor<Axes> {
  return run(softmaxOp, { x }, {})[0] as Tensor<Axes>;
}

/**
 * Logarithm (natural) of the softmax over the last axis of `[..., E]`; a row of nothing but −∞ gives −∞.
 *
 * @throws {ShapeError} if x has no axis.
 * @throws {DeviceError} if x is disposed.
 */
export function logSoftmax<Axes extends string>(x: Tensor<Axes>): Tensor<Axes> {
  return run(logSoftmaxOp, { x }, {})[0] as Tensor<Axes>;
}

function perRow(x: HostArray, finish: (value: number, max: number, sum: number) => number): Float64Array {
  const { rows, E } = rowsOf('softmax', 'x', x);
  const y = new Float64Array(rows * E); // [rows, E]
  for (let r = 0; r < rows; r++) {
    let max = -Infinity;
    for (let e = 0; e < E; e++) max = Math.max(max, x.data[r * E + e]!);
    let sum = 0;
    for (let e = 0; e < E; e++) sum += Math.exp(x.data[r * E + e]! - max);
    for (let e = 0; e < E; e++) y[r * E + e] = finish(x.data[r * E + e]!, max, sum);
  }
  return y;
}
