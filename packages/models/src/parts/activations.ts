import {
  type BinaryKind,
  binary,
  geglu,
  gelu,
  multiply,
  relu,
  silu,
  swiglu,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';

/** What stands between two projections: number by number. */
export interface Activation {
  readonly name: string;
  /** What a feed-forward that it gates is called. Default `gated-` and its name. */
  readonly gated?: string;
  /** `[..., F]` → `[..., F]` @throws what its operations throw. */
  apply<Axes extends string>(x: Tensor<Axes>): Tensor<Axes>;
  /** `act(gate) · up` in one go, where there is an operation for it. @throws what its operations throw. */
  gate?<Axes extends string>(gate: Tensor<Axes>, up: Tensor<Axes>): Tensor<Axes>;
}

/** `x · Φ(x)`. Hendrycks & Gimpel 2016. */
export const exactGelu: Activation = {
  name: 'gelu',
  gated: 'geglu',
  apply: (x) => gelu(x, { kind: 'exact' }),
  gate: (gate, up) => geglu(gate, up, { kind: 'exact' }),
};

/** `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`. Hendrycks & Gimpel 2016, section 2. */
export const tanhGelu: Activation = {
  name: 'gelu-tanh',
  gated: 'geglu',
  apply: (x) => gelu(x, { kind: 'tanh' }),
  gate: (gate, up) => geglu(gate, up, { kind: 'tanh' }),
};

/** `x · σ(1.702 x)`. Hendrycks & Gimpel 2016, section 2. */
export const sigmoidGelu: Activation = {
  name: 'gelu-sigmoid',
  apply: (x) => multiply(x, unary(binary(x, tensor(x.device, [1.702], []), 'multiply'), 'sigmoid')),
};

/** `max(x, 0)` */
export const rectifier: Activation = { name: 'relu', apply: (x) => relu(x) };

/** `x · σ(x)`. Elfwing et al. 2017. */
export const swish: Activation = {
  name: 'silu',
  gated: 'swiglu',
  apply: (x) => silu(x),
  gate: (gate, up) => swiglu(gate, up),
};

/** `tanh(x)` */
export const hyperbolic: Activation = { name: 'tanh', apply: (x) => unary(x, 'tanh') };

/** `σ(x)` */
export const logistic: Activation = { name: 'sigmoid', apply: (x) => unary(x, 'sigmoid') };

/** `x`: none at all. */
export const identity: Activation = { name: 'linear', apply: (x) => x };

/** `max(x, 0)²`. So et al. 2021, "Primer". */
export const squaredRectifier: Activation = {
  name: 'relu-squared',
  apply(x) {
    const y = relu(x);
    return multiply(y, y);
  },
};

/** `max(x, x/100)` */
export const leakyRectifier: Activation = {
  name: 'leaky-relu',
  apply: (x) => binary(x, with1(x, 0.01, 'multiply'), 'maximum'),
};

/** `x · tanh(log(1 + eˣ))`, of which the logarithm is `max(x, 0) + log(1 + e^−|x|)`. Misra 2019. */
export const mish: Activation = {
  name: 'mish',
  apply(x) {
    const small = unary(with1(unary(x, 'abs'), -1, 'multiply'), 'exp');
    const soft = binary(relu(x), unary(with1(small, 1, 'add'), 'log'), 'add');
    return multiply(x, unary(soft, 'tanh'));
  },
};

/** The exact gelu between −10 and 10, as 8 bits want it. */
export const clippedGelu: Activation = {
  name: 'gelu-clipped',
  apply: (x) => with1(with1(gelu(x, { kind: 'exact' }), -10, 'maximum'), 10, 'minimum'),
};

function with1<Axes extends string>(x: Tensor<Axes>, constant: number, kind: BinaryKind): Tensor<Axes> {
  return binary(x, tensor(x.device, [constant], []), kind);
}

/** `act(gate) · up`. Shazeer 2020, "GLU Variants Improve Transformer". Never throws. */
export function gateBy<Axes extends string>(
  activation: Activation,
  gate: Tensor<Axes>,
  up: Tensor<Axes>,
): Tensor<Axes> {
  return activation.gate?.(gate, up) ?? multiply(activation.apply(gate), up);
}
