import { type GeluKind, geglu, gelu, linear, relu, swiglu, type Tensor } from '@headwise/tensor';
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

/** `down · (silu(gate · x) · (up · x))`: Llama's. Shazeer 2020, eq. 6. `F` is the inner width. Never throws. */
export function createSwiglu({ F }: { readonly F: number }): Mlp {
  return gated('swiglu', F, swiglu);
}

/** `down · (gelu(gate · x) · (up · x))`: Gemma's with `kind: 'tanh'`. Shazeer 2020, eq. 6. Never throws. */
export function createGeglu({ F, kind = 'exact' }: { readonly F: number; readonly kind?: GeluKind }): Mlp {
  return gated('geglu', F, (gate, up) => geglu(gate, up, { kind }));
}

/** `down · gelu(up · x + bias) + bias`: GPT-2's and BERT's. Hendrycks & Gimpel 2016. Never throws. */
export function createGeluMlp({ F, kind = 'exact' }: { readonly F: number; readonly kind?: GeluKind }): Mlp {
  return plain('gelu', F, (x) => gelu(x, { kind }));
}

/** `down · max(up · x + bias, 0) + bias`: the original Transformer's. Vaswani et al. 2017, eq. 2. Never throws. */
export function createReluMlp({ F }: { readonly F: number }): Mlp {
  return plain('relu', F, relu);
}

function plain(name: string, F: number, act: (x: Tensor<'B L F'>) => Tensor<'B L F'>): Mlp {
  return {
    name,
    parameters: (E) => ({ up: [F, E], 'up.bias': [F], down: [E, F], 'down.bias': [E] }),
    apply: (x, weights) => {
      const inner = linear<'B L F'>(x, weights.up!, { bias: weights['up.bias'] });
      return linear(act(inner), weights.down!, { bias: weights['down.bias'] });
    },
  };
}

function gated(
  name: string,
  F: number,
  act: (gate: Tensor<'B L F'>, up: Tensor<'B L F'>) => Tensor<'B L F'>,
): Mlp {
  return {
    name,
    parameters: (E) => ({ gate: [F, E], up: [F, E], down: [E, F] }),
    apply: (x, { gate, up, down }) => linear(act(linear(x, gate!), linear(x, up!)), down!),
  };
}
