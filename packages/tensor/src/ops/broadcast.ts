import { sizeOf } from '../axes.ts';
import type { HostArray, ShapedInput } from '../contracts/device.ts';
import type { BinaryKind } from '../contracts/kinds.ts';
import { ShapeError } from '../errors.ts';
import { checkKind } from '../given.ts';
import { defineOp, run } from '../op.ts';
import type { AnyAxes, Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

export type { BinaryKind } from '../contracts/kinds.ts';

const functions: Readonly<Record<BinaryKind, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
  less: (a, b) => (a < b ? 1 : 0),
  'less-equal': (a, b) => (a <= b ? 1 : 0),
  equal: (a, b) => (a === b ? 1 : 0),
};

const kinds = /* @__PURE__ */ Object.keys(functions);

/**
 * `y = f(a, b)`, where axes are aligned on the right and one of size 1 is repeated, on either side: what compositions
 * are made of. `add` and `multiply` are the fast forms of two of them.
 */
export const binaryOp = defineOp<{ a: Tensor; b: Tensor }, { readonly kind: BinaryKind }>({
  name: 'binary',
  outputs({ a, b }, { kind }) {
    checkKind('binary', 'kind', kind, kinds);
    return [f32(broadcastShape('binary', { a, b }))];
  },
  reference({ a, b }, { kind }) {
    const shape = broadcastShape('binary', { a, b });
    const [inA, inB] = [offsetsOf(a, shape), offsetsOf(b, shape)];
    const f = functions[kind];
    return [Float64Array.from(inA, (from, n) => f(a.data[from]!, b.data[inB[n]!]!))];
  },
  gradient: {
    flows: ({ kind }) => kind !== 'less' && kind !== 'less-equal' && kind !== 'equal',
    keeps: (wants, { kind }) => {
      if (kind === 'add' || kind === 'subtract') return [];
      if (kind === 'multiply')
        return [...(wants('a') ? ['b' as const] : []), ...(wants('b') ? ['a' as const] : [])];
      if (kind === 'divide') return wants('b') ? ['b', 0] : ['b'];
      return ['a', 'b'];
    },
    rule({ inputs: { a, b }, shapes, params: { kind }, dy, result, wants }, ops) {
      const each = {
        add: { a: () => dy, b: () => dy },
        subtract: { a: () => dy, b: () => ops.scale(dy, -1) },
        multiply: { a: () => ops.binary(dy, b, 'multiply'), b: () => ops.binary(dy, a, 'multiply') },
        divide: {
          a: () => ops.binary(dy, b, 'divide'),
          b: () => ops.scale(ops.binary(ops.multiply(dy, result(0)), b, 'divide'), -1),
        },
        // where both are equal the first one is taken
        maximum: {
          a: () => ops.where(ops.binary(a, b, 'less'), ops.number(dy, 0), dy),
          b: () => ops.where(ops.binary(a, b, 'less'), dy, ops.number(dy, 0)),
        },
        minimum: {
          a: () => ops.where(ops.binary(b, a, 'less'), ops.number(dy, 0), dy),
          b: () => ops.where(ops.binary(b, a, 'less'), dy, ops.number(dy, 0)),
        },
      }[kind as 'add'];
      return {
        a: wants('a') ? ops.sumTo(each.a(), shapes.a) : undefined,
        b: wants('b') ? ops.sumTo(each.b(), shapes.b) : undefined,
      };
    },
  },
});

/**
 * `y = condition ? a : b`, with the axes of `binary`; a condition is true where it is above 0. What is not taken
 * changes nothing, NaN and infinity included.
 */
export const whereOp = defineOp<{ condition: Tensor; a: Tensor; b: Tensor }, Record<never, never>>({
  name: 'where',
  outputs: (inputs) => [f32(broadcastShape('where', inputs))],
  reference({ condition, a, b }) {
    const shape = broadcastShape('where', { condition, a, b });
    const [inC, inA, inB] = [offsetsOf(condition, shape), offsetsOf(a, shape), offsetsOf(b, shape)];
    return [
      Float64Array.from(inC, (from, n) => (condition.data[from]! > 0 ? a.data[inA[n]!]! : b.data[inB[n]!]!)),
    ];
  },
  gradient: {
    // a condition decides in steps
    keeps: () => ['condition'],
    rule({ inputs: { condition }, shapes, dy, wants }, ops) {
      const zero = ops.number(dy, 0);
      return {
        a: wants('a') ? ops.sumTo(ops.where(condition, dy, zero), shapes.a) : undefined,
        b: wants('b') ? ops.sumTo(ops.where(condition, zero, dy), shapes.b) : undefined,
      };
    },
  },
});

/**
 * `f(a, b)` with axes aligned on the right; one of size 1 is repeated.
 *
 * @throws {ShapeError} if two axes differ and neither is 1.
 * @throws {ValueError} for a kind that is none.
 */
export function binary<Axes extends string = AnyAxes>(a: Tensor, b: Tensor, kind: BinaryKind): Tensor<Axes> {
  return run(binaryOp, { a, b }, { kind })[0] as Tensor<Axes>;
}

/**
 * `a` where the condition is above 0, else `b`; axes as in `binary`.
 *
 * @throws {ShapeError} if two axes differ and neither is 1.
 */
export function where<Axes extends string = AnyAxes>(condition: Tensor, a: Tensor, b: Tensor): Tensor<Axes> {
  return run(whereOp, { condition, a, b }, {})[0] as Tensor<Axes>;
}

/** The shape that all of them are repeated to. */
function broadcastShape(op: string, inputs: Readonly<Record<string, ShapedInput | HostArray>>): number[] {
  const entries = Object.entries(inputs);
  const rank = Math.max(...entries.map(([, { shape }]) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = entries.map(([, { shape }]) => shape[axis - rank + shape.length] ?? 1);
    const size = sizes.find((each) => each !== 1) ?? 1;
    if (sizes.every((each) => each === 1 || each === size)) return size;
    throw new ShapeError(
      op,
      `axis ${axis} of ${rank} has the sizes ${sizes.join(', ')}: they must be equal, or 1`,
      entries.map(([name, { shape }]) => ({ name, axes: [], shape })),
    );
  });
}

/**
 * How far apart two neighbours along each axis of `shape` lie in a tensor that is repeated to it; 0 where it is
 * repeated. Never throws.
 */
export function stridesOf(of: readonly number[], shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = of[axis - shape.length + of.length] ?? 1;
    strides[axis] = size === 1 ? 0 : step;
    step *= size;
  }
  return strides;
}

/** Where each number of `shape`, in order, lies in a tensor that is repeated to it. */
function offsetsOf(
  { shape: of }: { readonly shape: readonly number[] },
  shape: readonly number[],
): Int32Array {
  const strides = stridesOf(of, shape);
  return Int32Array.from({ length: sizeOf(shape) }, (_, n) => {
    let offset = 0;
    for (let axis = shape.length - 1, left = n; axis >= 0; axis--) {
      offset += (left % shape[axis]!) * strides[axis]!;
      left = Math.floor(left / shape[axis]!);
    }
    return offset;
  });
}
