import {
  binary,
  type GeluKind,
  geglu,
  gelu,
  linear,
  relu,
  swiglu,
  type Tensor,
  unary,
} from '@headwise/tensor';
import type { Part, Shapes, Weights } from '../part.ts';

/** The feed-forward half of a block, with the weights it needs. */
export interface Mlp {
  readonly name: string;
  /** Shapes of its weights by name, for a model of width E; projections are `[out, in]`. */
  parameters(E: number): Shapes;
  /** `[B, L, E]` → `[B, L, E]` */
  apply(x: Tensor<'B L E'>, weights: Weights): Tensor<'B L E'>;
}

/** A feed-forward as a part of a block, which keeps nothing. Never throws. */
export function feedForward(mlp: Mlp, { name = 'mlp' }: { readonly name?: string } = {}): Part {
  return {
    name,
    keeps: 'text',
    check() {},
    parameters: ({ E }) => mlp.parameters(E),
    states: () => ({}),
    reasonsAgainst: () => [],
    reserve() {},
    run: ({ x, weights }) => ({ y: mlp.apply(x, weights) }),
  };
}

/** Inner width, and whether the projections have biases, `up.bias [F]` beside `up [F, E]`. */
export interface MlpOptions {
  readonly F: number;
  /** Default false where the feed-forward is gated, true where it is plain. */
  readonly bias?: boolean | undefined;
}

/** `down · (silu(gate · x) · (up · x))`: Llama's. Shazeer 2020, eq. 6. `F` is the inner width. Never throws. */
export function createSwiglu(options: MlpOptions): Mlp {
  return gated('swiglu', options, swiglu);
}

/** `down · (gelu(gate · x) · (up · x))`: Gemma's with `kind: 'tanh'`. Shazeer 2020, eq. 6. Never throws. */
export function createGeglu({ kind = 'exact', ...options }: MlpOptions & { readonly kind?: GeluKind }): Mlp {
  return gated('geglu', options, (gate, up) => geglu(gate, up, { kind }));
}

/** `down · gelu(up · x + bias) + bias`: GPT-2's and BERT's. Hendrycks & Gimpel 2016. Never throws. */
export function createGeluMlp({
  kind = 'exact',
  ...options
}: MlpOptions & { readonly kind?: GeluKind }): Mlp {
  return plain('gelu', options, (x) => gelu(x, { kind }));
}

/** `down · max(up · x + bias, 0) + bias`: the original Transformer's. Vaswani et al. 2017, eq. 2. Never throws. */
export function createReluMlp(options: MlpOptions): Mlp {
  return plain('relu', options, relu);
}

/** `down · silu(up · x + bias) + bias`, with silu(z) = z · σ(z). Elfwing et al. 2018. Never throws. */
export function createSiluMlp(options: MlpOptions): Mlp {
  return plain('silu', options, (x) => binary(x, unary(x, 'sigmoid'), 'multiply'));
}

/** `down · tanh(up · x + bias) + bias`. Never throws. */
export function createTanhMlp(options: MlpOptions): Mlp {
  return plain('tanh', options, (x) => unary(x, 'tanh'));
}

function plain(
  name: string,
  { F, bias = true }: MlpOptions,
  act: (x: Tensor<'B L F'>) => Tensor<'B L F'>,
): Mlp {
  return {
    name,
    parameters: (E) => biased({ up: [F, E], down: [E, F] }, bias),
    apply: (x, weights) => {
      const inner = linear<'B L F'>(x, weights.up!, { bias: weights['up.bias'] });
      return linear(act(inner), weights.down!, { bias: weights['down.bias'] });
    },
  };
}

function gated(
  name: string,
  { F, bias = false }: MlpOptions,
  act: (gate: Tensor<'B L F'>, up: Tensor<'B L F'>) => Tensor<'B L F'>,
): Mlp {
  return {
    name,
    parameters: (E) => biased({ gate: [F, E], up: [F, E], down: [E, F] }, bias),
    apply: (x, weights) => {
      const project = <Axes extends string>(of: Tensor, by: string): Tensor<Axes> =>
        linear<Axes>(of, weights[by]!, { bias: weights[`${by}.bias`] });
      return project(act(project(x, 'gate'), project(x, 'up')), 'down');
    },
  };
}

/** Each projection `[out, in]`, with its bias `[out]` after it where there are biases. */
function biased(projections: Shapes, bias: boolean): Shapes {
  if (!bias) return projections;
  return Object.fromEntries(
    Object.entries(projections).flatMap(([name, shape]) => [
      [name, shape],
      [`${name}.bias`, [shape[0]!]],
    ]),
  );
}
