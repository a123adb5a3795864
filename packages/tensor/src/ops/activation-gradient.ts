import { sameShape } from '../axes.ts';
import type { ActivationKind } from '../contracts/kinds.ts';
import { ShapeError } from '../errors.ts';
import { checkKind } from '../given.ts';
import { defineOp, run } from '../op.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { binary, where } from './broadcast.ts';
import { add, gelu, multiply } from './elementwise.ts';
import { erf } from './erf.ts';
import { f32 } from './rows.ts';
import { unary } from './unary.ts';

/** Which activation, and the alpha of SiLU. */
export interface ActivationParams {
  readonly kind: ActivationKind;
  readonly alpha: number;
}

const ROOT_TWO_PI = Math.sqrt(2 * Math.PI);
const TANH_SCALE = Math.sqrt(2 / Math.PI);
const TANH_CUBE = 0.044715;

/**
 * `dx = dy · act′(x)`, the derivative of an activation in one pass.
 *
 * ```text
 * silu       σ(αx) + αx · σ(αx) · (1 − σ(αx))
 * gelu       Φ(x) + x · φ(x)
 * gelu-tanh  ½(1 + t) + ½x(1 − t²) · √(2/π) · (1 + 3 · 0.044715 x²),  t = tanh(√(2/π)(x + 0.044715 x³))
 * relu       1 above 0, else 0
 * x, dy      [...]
 * →          [...]
 * ```
 */
export const activationGradientOp = defineOp<{ x: Tensor; dy: Tensor }, ActivationParams>({
  name: 'activationGradient',
  outputs({ x, dy }, { kind }) {
    checkKind('activationGradient', 'kind', kind, kinds);
    if (!sameShape(x.shape, dy.shape))
      throw new ShapeError('activationGradient', 'x and dy must have the same shape', [
        { name: 'x', axes: [], shape: x.shape },
        { name: 'dy', axes: [], shape: dy.shape },
      ]);
    return [f32(x.shape)];
  },
  reference({ x, dy }, { kind, alpha }) {
    const f = derivatives[kind];
    return [Float64Array.from(x.data as Float64Array, (value, i) => dy.data[i]! * f(value, alpha))];
  },
  lower({ x, dy }, { kind, alpha }) {
    const number = (value: number): Tensor => tensor(x.device, [value], []);
    if (kind === 'relu') return [where(x, dy, number(0))];
    return [multiply(dy, slopes[kind](x, number, alpha))];
  },
});

const derivatives: Readonly<Record<ActivationKind, (x: number, alpha: number) => number>> = {
  silu(x, alpha) {
    const s = 1 / (1 + Math.exp(-alpha * x));
    return s + alpha * x * s * (1 - s);
  },
  gelu: (x) => 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp(-0.5 * x * x)) / ROOT_TWO_PI,
  'gelu-tanh'(x) {
    const t = Math.tanh(TANH_SCALE * (x + TANH_CUBE * x ** 3));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * TANH_SCALE * (1 + 3 * TANH_CUBE * x * x);
  },
  relu: (x) => (x > 0 ? 1 : 0),
};

const kinds = /* @__PURE__ */ Object.keys(derivatives);

type Slope = (x: Tensor, number: (value: number) => Tensor, alpha: number) => Tensor;

const slopes: Readonly<Record<Exclude<ActivationKind, 'relu'>, Slope>> = {
  silu(x, number, alpha) {
    const inner = alpha === 1 ? x : binary(x, number(alpha), 'multiply');
    const s = unary(inner, 'sigmoid');
    // s + inner · s · (1 − s)
    const bend = multiply(inner, binary(s, multiply(s, s), 'subtract'));
    return add(s, bend);
  },
  gelu(x, number) {
    // Φ(x) is gelu(x) / x, and ½ at 0
    const share = where(unary(x, 'abs'), binary(gelu(x), x, 'divide'), number(0.5));
    const density = unary(binary(multiply(x, x), number(-0.5), 'multiply'), 'exp');
    return add(share, multiply(x, density), { scale: 1 / ROOT_TWO_PI });
  },
  'gelu-tanh'(x, number) {
    const square = multiply(x, x);
    const cubic = add(x, multiply(square, x), { scale: TANH_CUBE });
    const t = unary(binary(cubic, number(TANH_SCALE), 'multiply'), 'tanh');
    const share = binary(binary(t, number(0.5), 'multiply'), number(0.5), 'add');
    const inner = binary(
      binary(square, number(3 * TANH_CUBE * TANH_SCALE), 'multiply'),
      number(TANH_SCALE),
      'add',
    );
    const bend = binary(number(0.5), binary(multiply(t, t), number(0.5), 'multiply'), 'subtract');
    return add(share, multiply(multiply(x, bend), inner));
  },
};

/**
 * `dy · act′(x)`.
 *
 * @throws {ShapeError} if the shapes differ.
 * @throws {ValueError} for a kind that is none.
 */
export function activationGradient<Axes extends string>(
  x: Tensor<Axes>,
  dy: Tensor,
  kind: ActivationKind,
  { alpha = 1 }: { readonly alpha?: number } = {},
): Tensor<Axes> {
  return run(activationGradientOp, { x, dy }, { kind, alpha })[0] as Tensor<Axes>;
}
