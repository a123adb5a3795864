import { linear } from '@headwise/tensor';
import { within } from '../block.ts';
import type { Activation } from '../parts/activations.ts';
import type { Norm } from '../parts/norms.ts';
import type { Head } from './head.ts';

/** Options of the head of a masked language model. */
export interface MaskedLmOptions {
  readonly activation: Activation;
  readonly norm: Norm;
  /** Width between the two projections. Default that of the model; that of the embeddings where they are narrower. */
  readonly width?: number | undefined;
  /** The embedding table is also the output projection. Default true. */
  readonly tied?: boolean | undefined;
  /** `dense.bias`. Default true. */
  readonly denseBias?: boolean | undefined;
  /** `bias [V]` of the logits. Default true. */
  readonly bias?: boolean | undefined;
}

/**
 * Which token stands where one was masked: logits `[B, L, V]`.
 *
 * ```text
 * logits = embed · norm(act(dense · hidden)) + bias
 * ```
 *
 * Devlin et al. 2018, "BERT", section 3.1. Never throws.
 */
export function createMaskedLm(options: MaskedLmOptions): Head {
  const { activation, norm, width, tied = true, denseBias = true, bias = true } = options;
  return {
    name: 'masked-lm',
    per: 'token',
    parameters({ E, V }) {
      const W = width ?? E;
      return {
        dense: [W, E],
        ...(denseBias && { 'dense.bias': [W] }),
        ...Object.fromEntries(
          Object.entries(norm.parameters(W)).map(([name, size]) => [`norm.${name}`, size]),
        ),
        ...(!tied && { decoder: [V, W] }),
        ...(bias && { bias: [V] }),
      };
    },
    apply(hidden, weights) {
      const inner = activation.apply(linear(hidden, weights.dense!, { bias: weights['dense.bias'] }));
      const normed = norm.apply(inner, within(weights, 'norm.'));
      return linear(normed, weights.decoder ?? weights.embed!, { bias: weights.bias });
    },
  };
}
