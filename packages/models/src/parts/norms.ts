import { layerNorm, rmsNorm, type Tensor } from '@headwise/tensor';
import type { Shapes, Weights } from '../part.ts';

/** A normalisation of the last axis, with the weights it needs. */
export interface Norm {
  readonly name: string;
  /** Shapes of its weights by name, for a model of width E. Never throws. */
  parameters(E: number): Shapes;
  /** `[..., E]` → `[..., E]` @throws what its operations throw. */
  apply<Axes extends string>(x: Tensor<Axes>, weights: Weights): Tensor<Axes>;
}

/** `x / √(mean(x²) + eps) · weight`: Llama's. Zhang & Sennrich 2019. Never throws. */
export function createRmsNorm({ eps = 1e-5 }: { readonly eps?: number } = {}): Norm {
  return {
    name: 'rms-norm',
    parameters: (E) => ({ weight: [E] }),
    apply: (x, { weight }) => rmsNorm(x, weight, { eps }),
  };
}

/**
 * `(x − mean) / √(variance + eps) · weight + bias`: GPT-2's; with `bias: false` without the last. Ba et al. 2016.
 * Never throws.
 */
export function createLayerNorm({
  eps = 1e-5,
  bias = true,
}: {
  readonly eps?: number;
  readonly bias?: boolean;
} = {}): Norm {
  return {
    name: 'layer-norm',
    parameters: (E) => ({ weight: [E], ...(bias && { bias: [E] }) }),
    apply: (x, { weight, bias }) => layerNorm(x, { weight, bias, eps }),
  };
}
