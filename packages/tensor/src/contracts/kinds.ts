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

/** A function of two numbers; the comparisons give 1 or 0, and 0 where one is NaN. */
export type BinaryKind =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'maximum'
  | 'minimum'
  | 'less'
  | 'less-equal'
  | 'equal';

/** How many numbers become one. */
export type ReduceKind = 'sum' | 'max' | 'min';

/** The activation inside a gated feed-forward. */
export type GateKind = 'silu' | 'gelu' | 'gelu-tanh';

/** An activation of one number, for its derivative. */
export type ActivationKind = GateKind | 'relu';
