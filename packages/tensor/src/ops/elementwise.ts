import { sameShape } from '../axes.ts';
import type { ShapedInput } from '../contracts/device.ts';
import type { GateKind } from '../contracts/kinds.ts';
import { ShapeError } from '../errors.ts';
import { checkKind } from '../given.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { erf } from './erf.ts';
import { f32 } from './rows.ts';

type Two = { a: Tensor; b: Tensor };

const gateKinds: readonly GateKind[] = ['silu', 'gelu', 'gelu-tanh'];

/**
 * `y = a + scale · b`. `b` has the shape of `a`, or of its last axes, and is then repeated over the first ones.
 */
export const addOp = defineOp<Two, { scale: number }>({
  name: 'add',
  outputs: ({ a, b }) => [f32(broadcast('add', a, b))],
  reference: ({ a, b }, { scale }) => [map(a, (x, i) => x + scale * b.data[i % b.data.length]!)],
  gradient: {
    rule({ shapes, params: { scale }, dy, wants }, ops) {
      const b = () => ops.sumTo(dy, shapes.b);
      return { a: dy, b: wants('b') ? (scale === 1 ? b() : ops.scale(b(), scale)) : undefined };
    },
  },
});

/** `y = a · b`, with the broadcast of `add`. */
export const multiplyOp = defineOp<Two, Record<never, never>>({
  name: 'multiply',
  outputs: ({ a, b }) => [f32(broadcast('multiply', a, b))],
  reference: ({ a, b }) => [map(a, (x, i) => x * b.data[i % b.data.length]!)],
  gradient: {
    keeps: (wants) => [...(wants('a') ? ['b' as const] : []), ...(wants('b') ? ['a' as const] : [])],
    rule: ({ inputs: { a, b }, shapes, dy, wants }, ops) => ({
      a: wants('a') ? ops.multiply(dy, b) : undefined,
      b: wants('b') ? ops.sumTo(ops.multiply(dy, a), shapes.b) : undefined,
    }),
  },
});

/** `y = x · σ(alpha · x)`: SiLU for `alpha` 1, also called Swish. Elfwing et al. 2017; Ramachandran et al. 2017. */
export const siluOp = defineOp<{ x: Tensor }, { alpha: number }>({
  name: 'silu',
  outputs: ({ x }) => [f32(x.shape)],
  reference: ({ x }, { alpha }) => [map(x, (value) => silu64(value, alpha))],
  gradient: {
    keeps: () => ['x'],
    rule: ({ inputs: { x }, params: { alpha }, dy }, ops) => ({
      x: ops.activationGradient(x, dy, 'silu', alpha),
    }),
  },
});

/** How GELU is computed: with the error function, or with the tanh of Hendrycks & Gimpel 2016, section 2. */
export type GeluKind = 'exact' | 'tanh';

const geluKinds: readonly GeluKind[] = ['exact', 'tanh'];

/** `y = x · Φ(x)`. Hendrycks & Gimpel 2016, "Gaussian Error Linear Units". */
export const geluOp = defineOp<{ x: Tensor }, { kind: GeluKind }>({
  name: 'gelu',
  outputs({ x }, { kind }) {
    checkKind('gelu', 'kind', kind, geluKinds);
    return [f32(x.shape)];
  },
  reference: ({ x }, { kind }) => [map(x, (value) => gelu64(value, kind))],
  gradient: {
    keeps: () => ['x'],
    rule: ({ inputs: { x }, params: { kind }, dy }, ops) => ({
      x: ops.activationGradient(x, dy, kind === 'exact' ? 'gelu' : 'gelu-tanh'),
    }),
  },
});

/** `y = max(x, 0)`. */
export const reluOp = defineOp<{ x: Tensor }, Record<never, never>>({
  name: 'relu',
  outputs: ({ x }) => [f32(x.shape)],
  reference: ({ x }) => [map(x, (value) => Math.max(value, 0))],
  gradient: {
    keeps: () => [0],
    rule: ({ dy, result }, ops) => ({ x: ops.activationGradient(result(0), dy, 'relu') }),
  },
});

export type { GateKind } from '../contracts/kinds.ts';

/**
 * `y = act(gate) · up`, the gate of a GLU feed-forward in one pass. Shazeer 2020, "GLU Variants Improve
 * Transformer", eq. 6: SwiGLU with `silu`, GeGLU with `gelu`.
 */
export const gatedOp = defineOp<{ gate: Tensor; up: Tensor }, { kind: GateKind }>({
  name: 'gated',
  outputs({ gate, up }, { kind }) {
    checkKind('gated', 'kind', kind, gateKinds);
    if (!sameShape(gate.shape, up.shape)) {
      throw new ShapeError('gated', 'gate and up must have the same shape', [
        { name: 'gate', axes: [], shape: gate.shape },
        { name: 'up', axes: [], shape: up.shape },
      ]);
    }
    return [f32(gate.shape)];
  },
  reference({ gate, up }, { kind }) {
    const act =
      kind === 'silu'
        ? (x: number) => silu64(x, 1)
        : (x: number) => gelu64(x, kind === 'gelu' ? 'exact' : 'tanh');
    return [map(gate, (x, i) => act(x) * up.data[i]!)];
  },
  gradient: {
    keeps: (wants) => (wants('gate') ? ['gate', 'up'] : ['gate']),
    rule: ({ inputs: { gate, up }, params: { kind }, dy, wants }, ops) => ({
      gate: wants('gate') ? ops.activationGradient(gate, ops.multiply(dy, up), kind) : undefined,
      up: wants('up') ? ops.gated(gate, dy, kind) : undefined,
    }),
  },
});

/** `y = a + scale · b`; `b` may have only the last axes of `a`. @throws {ShapeError} if it has others. */
export function add<Axes extends string>(
  a: Tensor<Axes>,
  b: Tensor,
  { scale = 1 }: { readonly scale?: number } = {},
): Tensor<Axes> {
  return run(addOp, { a, b }, { scale })[0] as Tensor<Axes>;
}

/** `y = a · b`; `b` may have only the last axes of `a`. @throws {ShapeError} if it has others. */
export function multiply<Axes extends string>(a: Tensor<Axes>, b: Tensor): Tensor<Axes> {
  return run(multiplyOp, { a, b }, {})[0] as Tensor<Axes>;
}

/**
 * `x · σ(alpha · x)`.
 *
 * @throws {DeviceError} if x is disposed.
 */
export function silu<Axes extends string>(
  x: Tensor<Axes>,
  { alpha = 1 }: { readonly alpha?: number } = {},
): Tensor<Axes> {
  return run(siluOp, { x }, { alpha })[0] as Tensor<Axes>;
}

/**
 * `x · Φ(x)`, exact unless `kind` is `'tanh'`.
 *
 * @throws {ValueError} for a kind that is none.
 * @throws {DeviceError} if x is disposed.
 */
export function gelu<Axes extends string>(
  x: Tensor<Axes>,
  { kind = 'exact' }: { readonly kind?: GeluKind } = {},
): Tensor<Axes> {
  return run(geluOp, { x }, { kind })[0] as Tensor<Axes>;
}

/**
 * `max(x, 0)`.
 *
 * @throws {DeviceError} if x is disposed.
 */
export function relu<Axes extends string>(x: Tensor<Axes>): Tensor<Axes> {
  return run(reluOp, { x }, {})[0] as Tensor<Axes>;
}

/** `silu(gate) · up`. @throws {ShapeError} if the shapes differ. */
export function swiglu<Axes extends string>(gate: Tensor<Axes>, up: Tensor<Axes>): Tensor<Axes> {
  return run(gatedOp, { gate, up }, { kind: 'silu' as const })[0] as Tensor<Axes>;
}

/** `gelu(gate) · up`. @throws {ShapeError} if the shapes differ. */
export function geglu<Axes extends string>(
  gate: Tensor<Axes>,
  up: Tensor<Axes>,
  { kind = 'exact' }: { readonly kind?: GeluKind } = {},
): Tensor<Axes> {
  return run(
    gatedOp,
    { gate, up },
    { kind: kind === 'exact' ? 'gelu' : ('gelu-tanh' as GateKind) },
  )[0] as Tensor<Axes>;
}

function broadcast(op: string, a: ShapedInput, b: ShapedInput): readonly number[] {
  const lead = a.shape.length - b.shape.length;
  if (lead < 0) throw mismatch(op, a, b);
  for (let i = 0; i < b.shape.length; i++) if (a.shape[lead + i] !== b.shape[i]) throw mismatch(op, a, b);
  return a.shape;
}

function mismatch(op: string, a: ShapedInput, b: ShapedInput): ShapeError {
  return new ShapeError(op, 'b must have the shape of a or of its last axes', [
    { name: 'a', axes: [], shape: a.shape },
    { name: 'b', axes: [], shape: b.shape },
  ]);
}

function map(
  x: { readonly data: Float64Array | Int32Array },
  fn: (value: number, i: number) => number,
): Float64Array {
  return Float64Array.from(x.data as Float64Array, fn);
}

function silu64(x: number, alpha: number): number {
  return x / (1 + Math.exp(-alpha * x));
}

function gelu64(x: number, kind: GeluKind): number {
  if (kind === 'exact') return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}
