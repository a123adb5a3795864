import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

/** A function of one number. `elu+1` is `x + 1` above 0 and `exp(x)` below: positive, for linear attention. */
export type UnaryKind =
  | 'exp'
  | 'log'
  | 'tanh'
  | 'sigmoid'
  | 'sqrt'
  | 'reciprocal'
  | 'abs'
  | 'floor'
  | 'elu+1';

const functions: Readonly<Record<UnaryKind, (x: number) => number>> = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  abs: Math.abs,
  floor: Math.floor,
  'elu+1': (x) => (x > 0 ? x + 1 : Math.exp(x)),
};

/** `y = f(x)`, number by number: what compositions are made of. */
export const unaryOp = defineOp<{ x: Tensor }, { readonly kind: UnaryKind }>({
  name: 'unary',
  outputs: ({ x }) => [f32(x.shape)],
  reference: ({ x }, { kind }) => [Float64Array.from(x.data as Float64Array, functions[kind])],
});

/**
 * `f(x)`, number by number; natural logarithm and exponential.
 *
 * @throws {DeviceError} if the tensor is disposed.
 */
export function unary<Axes extends string>(x: Tensor<Axes>, kind: UnaryKind): Tensor<Axes> {
  return run(unaryOp, { x }, { kind })[0] as Tensor<Axes>;
}
