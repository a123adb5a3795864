import { type GeluKind, geglu, gelu, linear, swiglu, type Tensor } from '@headwise/tensor';

/** The feed-forward half of a block, with the weights it needs. */
export interface Mlp {
  readonly name: string;
  /** Shapes of its weights by name, for a model of width E; projections are `[out, in]`. Never throws. */
  parameters(E: number): Readonly<Record<string, readonly number[]>>;
  /** `[B, L, E]` → `[B, L, E]` @throws {ShapeError | DeviceError} if x or a weight does not fit, or is elsewhere. */
  apply(x: Tensor<'B L E'>, weights: Readonly<Record<string, Tensor>>): Tensor<'B L E'>;
}

/** `down · (silu(gate · x) · (up · x))`: Llama's. Shazeer 2020, eq. 6. `F` is the inner width. Never throws. */
export function createSwiglu({ F }: { readonly F: number }): Mlp {
  return gated('swiglu', F, swiglu);
}

/** `down · (gelu(gate · x) · (up · x))`: Gemma's with `kind: 'tanh'`. Shazeer 2020, eq. 6. Never throws. */
export function createGeglu({ F, kind = 'exact' }: { readonly F: number; readonly kind?: GeluKind }): Mlp {
  return gated('geglu', F, (gate, up) => geglu(gate, up, { kind }));
}

/** `down · gelu(up · x + bias) + bias`: GPT-2's. Hendrycks & Gimpel 2016. Never throws. */
export function createGeluMlp({ F, kind = 'exact' }: { readonly F: number; readonly kind?: GeluKind }): Mlp {
  return {
    name: 'gelu',
    parameters: (E) => ({ up: [F, E], 'up.bias': [F], down: [E, F], 'down.bias': [E] }),
    apply: (x, weights) => {
      const inner = linear<'B L F'>(x, weights.up!, { bias: weights['up.bias'] });
      return linear(gelu(inner, { kind }), weights.down!, { bias: weights['down.bias'] });
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
