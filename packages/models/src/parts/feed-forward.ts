import { type GeluKind, linear, type Tensor } from '@headwise/tensor';
import type { Part, Shapes, Weights } from '../part.ts';
import { type Activation, exactGelu, gateBy, rectifier, swish, tanhGelu } from './activations.ts';

/** The feed-forward half of a block, with the weights it needs. */
export interface Mlp {
  readonly name: string;
  /** Shapes of its weights by name, for a model of width E; projections are `[out, in]`. Never throws. */
  parameters(E: number): Shapes;
  /** `[B, L, E]` → `[B, L, E]` @throws what its operations throw. */
  apply(x: Tensor<'B L E'>, weights: Weights): Tensor<'B L E'>;
}

/** A feed-forward as a part of a block, which keeps nothing. Never throws. */
export function feedForward(mlp: Mlp, { name = 'mlp' }: { readonly name?: string } = {}): Part {
  return {
    name,
    summary: mlp.name,
    keeps: 'text',
    stepsAlike: true,
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
  return gated(options, swish);
}

/** `down · (gelu(gate · x) · (up · x))`: Gemma's with `kind: 'tanh'`. Shazeer 2020, eq. 6. Never throws. */
export function createGeglu({ kind = 'exact', ...options }: MlpOptions & { readonly kind?: GeluKind }): Mlp {
  return gated(options, geluOf[kind]);
}

/** `down · gelu(up · x + bias) + bias`: GPT-2's and BERT's. Hendrycks & Gimpel 2016. Never throws. */
export function createGeluMlp({
  kind = 'exact',
  ...options
}: MlpOptions & { readonly kind?: GeluKind }): Mlp {
  return plain('gelu', options, geluOf[kind]);
}

/** `down · max(up · x + bias, 0) + bias`: the original Transformer's. Vaswani et al. 2017, eq. 2. Never throws. */
export function createReluMlp(options: MlpOptions): Mlp {
  return plain('relu', options, rectifier);
}

/** `down · act(up · x + bias) + bias` with any activation. Never throws. */
export function createMlp({ activation, ...options }: MlpOptions & { readonly activation: Activation }): Mlp {
  return plain(activation.name, options, activation);
}

/** `down · (act(gate · x) · (up · x))` with any activation. Shazeer 2020, eq. 5 and 6. Never throws. */
export function createGatedMlp({
  activation,
  ...options
}: MlpOptions & { readonly activation: Activation }): Mlp {
  return gated(options, activation);
}

const geluOf: Readonly<Record<GeluKind, Activation>> = { exact: exactGelu, tanh: tanhGelu };

function plain(name: string, { F, bias = true }: MlpOptions, activation: Activation): Mlp {
  return {
    name,
    parameters: (E) => biased({ up: [F, E], down: [E, F] }, bias),
    apply: (x, weights) => {
      const inner = linear<'B L F'>(x, weights.up!, { bias: weights['up.bias'] });
      return linear(activation.apply(inner), weights.down!, { bias: weights['down.bias'] });
    },
  };
}

function gated({ F, bias = false }: MlpOptions, activation: Activation): Mlp {
  return {
    name: activation.gated ?? `gated-${activation.name}`,
    parameters: (E) => biased({ gate: [F, E], up: [F, E], down: [E, F] }, bias),
    apply: (x, weights) => {
      const project = <Axes extends string>(of: Tensor, by: string): Tensor<Axes> =>
        linear<Axes>(of, weights[by]!, { bias: weights[`${by}.bias`] });
      return project(gateBy(activation, project(x, 'gate'), project(x, 'up')), 'down');
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
