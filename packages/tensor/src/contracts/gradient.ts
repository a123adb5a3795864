import type { ActivationKind, BinaryKind, GateKind, ReduceKind, UnaryKind } from './kinds.ts';

/** What a gradient rule is given: what it asked to keep of the forward call, and what came back. */
export interface Backward<T, Inputs extends object, Params extends object> {
  /** The arguments that `keeps` named; others are absent. */
  readonly inputs: Inputs;
  /** Shapes of all arguments that were given. */
  readonly shapes: { readonly [Name in keyof Inputs]-?: readonly number[] };
  readonly params: Params;
  /** Gradient of the first result; zeros where only others have one. */
  readonly dy: T;
  /** Gradient of each result; `undefined` where nothing came back. */
  readonly gradients: readonly (T | undefined)[];
  /** Result `index` of the forward call. @throws {RangeError} unless `keeps` named it. */
  result(index: number): T;
  /** Whether the gradient of an argument is asked for. Never throws. */
  wants(name: keyof Inputs & string): boolean;
}

/**
 * How gradients pass back through an operation: `dy` to the gradients of the arguments, made of operations, so that it
 * runs on every device and has a gradient itself.
 */
export interface Gradient<T, Inputs extends object, Params extends object> {
  /** Arguments that gradients flow to; another one that depends on a parameter is refused. Default: every f32 one. */
  readonly to?: readonly (keyof Inputs & string)[];
  /** False where the derivative is zero everywhere: `floor`, comparisons, indices. Default true. */
  readonly flows?: (params: Params) => boolean;
  /** Why the rule cannot run, before anything is computed; empty when it can. The oracle runs references. */
  readonly refuses?: (params: Params, oracle: boolean) => readonly string[];
  /** Parameters under which the operation returns more results behind its own, for the rule to keep. */
  readonly taped?: (params: Params) => Params;
  /** Arguments (by name) and results (by index) that the rule reads; all others are free to go. Default: none. */
  readonly keeps?: (
    wants: (name: keyof Inputs & string) => boolean,
    params: Params,
  ) => readonly ((keyof Inputs & string) | number)[];
  /** The gradients, each of the shape of its argument; absent or `undefined` for one that is not wanted. */
  readonly rule: (
    call: Backward<T, Inputs, Params>,
    ops: GradientOps<T>,
  ) => { readonly [Name in keyof Inputs]?: T | undefined };
}

/** The operations that rules are made of: handed over, so that files of operations need not import each other. */
export interface GradientOps<T> {
  /** A single number, to be repeated. @throws as the operations that make it. */
  number(like: T, value: number): T;
  /** 0, 1, 2 … below `length`. @throws as the operations that make it. */
  counting(like: T, length: number): T;
  /** @throws as the operation of this name. */
  zeros(like: T, shape: readonly number[]): T;
  /** `x` with every axis that was repeated to make it summed up again: the adjoint of a broadcast. @throws as the operations that make it. */
  sumTo(x: T, shape: readonly number[]): T;
  /** `x` repeated to a shape. @throws as the operations that make it. */
  spread(x: T, shape: readonly number[]): T;
  /** @throws as the operation of this name. */
  reshape(x: T, shape: readonly number[]): T;
  /** @throws as the operation of this name. */
  scale(x: T, by: number): T;
  /** @throws as the operation of this name. */
  add(a: T, b: T): T;
  /** @throws as the operation of this name. */
  multiply(a: T, b: T): T;
  /** @throws as the operation of this name. */
  binary(a: T, b: T, kind: BinaryKind): T;
  /** @throws as the operation of this name. */
  where(condition: T, a: T, b: T): T;
  /** @throws as the operation of this name. */
  unary(x: T, kind: UnaryKind): T;
  /** @throws as the operation of this name. */
  cast(x: T, dtype: 'f32' | 'i32'): T;
  /** @throws as the operation of this name. */
  reduce(x: T, kind: ReduceKind, axes?: readonly number[]): T;
  /** @throws as the operation of this name. */
  permute(x: T, axes: readonly number[]): T;
  /** @throws as the operation of this name. */
  slice(x: T, start: number, width: number): T;
  /** @throws as the operation of this name. */
  concat(a: T, b: T): T;
  /** @throws as the operation of this name. */
  linear(x: T, weight: T, options: { readonly transposed: boolean }): T;
  /** @throws as the operation of this name. */
  headLinear(x: T, weight: T, options: { readonly transposed: boolean }): T;
  /** @throws as the operation of this name. */
  matmul(a: T, b: T): T;
  /** @throws as the operation of this name. */
  gather(table: T, ids: T): T;
  /** @throws as the operation of this name. */
  scatterAdd(rows: T, ids: T, V: number): T;
  /** @throws as the operation of this name. */
  gated(gate: T, up: T, kind: GateKind): T;
  /** `dy · act′(x)`. @throws as the operations that make it. */
  activationGradient(x: T, dy: T, kind: ActivationKind, alpha?: number): T;
  /** @throws as the operation of this name. */
  rotary(x: T, tables: { cos: T; sin: T }, positions: T, layout: 'half' | 'interleaved'): T;
  /** Runs any operation that is no common one: `attentionGradient`. @throws as the operations that make it. */
  run(name: SpecialGradient, inputs: Readonly<Record<string, T | undefined>>, params: object): readonly T[];
}

/** Operations that exist for gradients only, by name. */
export type SpecialGradient =
  | 'attentionGradient'
  | 'crossEntropyGradient'
  | 'linearGradient'
  | 'normGradient';

/** Of an operation whose results depend on its arguments in steps only: nothing flows back. */
export const noGradient = { flows: () => false, rule: () => ({}) } as const;
