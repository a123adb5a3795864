import type { UnaryKind } from '../contracts/kinds.ts';
import { checkKind } from '../given.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

export type { UnaryKind } from '../contracts/kinds.ts';

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

const kinds = /* @__PURE__ */ Object.keys(functions);

/** `y = f(x)`, number by number: what compositions are made of. */
export const unaryOp = defineOp<{ x: Tensor }, { readonly kind: UnaryKind }>({
  name: 'unary',
  outputs({ x }, { kind }) {
    checkKind('unary', 'kind', kind, kinds);
    return [f32(x.shape)];
  },
  reference: ({ x }, { kind }) => [Float64Array.from(x.data as Float64Array, functions[kind])],
  gradient: {
    flows: ({ kind }) => kind !== 'floor',
    keeps: (_, { kind }) => (kind === 'log' || kind === 'abs' ? ['x'] : [0]),
    rule({ inputs: { x }, params: { kind }, dy, result }, ops) {
      const number = (value: number) => ops.number(dy, value);
      const y = kind === 'log' || kind === 'abs' ? dy : result(0);
      const squared = () => ops.multiply(y, y);
      const each = {
        exp: () => ops.multiply(dy, y),
        log: () => ops.binary(dy, x, 'divide'),
        tanh: () => ops.multiply(dy, ops.binary(number(1), squared(), 'subtract')),
        sigmoid: () => ops.multiply(dy, ops.binary(y, squared(), 'subtract')),
        sqrt: () => ops.scale(ops.binary(dy, y, 'divide'), 0.5),
        reciprocal: () => ops.scale(ops.multiply(dy, squared()), -1),
        abs: () => {
          const sign = ops.binary(
            ops.binary(number(0), x, 'less'),
            ops.binary(x, number(0), 'less'),
            'subtract',
          );
          return ops.multiply(dy, sign);
        },
        // exp(x) is y below 0, and y is above 1 elsewhere
        'elu+1': () => ops.multiply(dy, ops.binary(y, number(1), 'minimum')),
        floor: () => number(0),
      };
      return { x: each[kind]() };
    },
  },
});

/**
 * `f(x)`, number by number; natural logarithm and exponential.
 *
 * @throws {ValueError} for a kind that is none.
 * @throws {DeviceError} if the tensor is disposed.
 */
export function unary<Axes extends string>(x: Tensor<Axes>, kind: UnaryKind): Tensor<Axes> {
  return run(unaryOp, { x }, { kind })[0] as Tensor<Axes>;
}
