import { scope, type Tensor } from '@headwise/tensor';
import type { EncodeOptions, Encoder } from './encoder.ts';
import { meanOfTokens, normalized, type Pooling } from './heads/pooling.ts';

/** How a text becomes a vector. */
export interface EmbedOptions extends EncodeOptions {
  /** Default the mean of its tokens. */
  readonly pooling?: Pooling | undefined;
  /** To length 1, so that products are cosines. Default true. */
  readonly normalize?: boolean | undefined;
}

/**
 * A vector for each text, `[B, E]`: texts of like meaning are close.
 *
 * @param ids `[L]`, or rows of different lengths
 * @throws {ValueError} as `Encoder.encode`.
 * @see Reimers & Gurevych 2019, "Sentence-BERT", section 3, {@link https://arxiv.org/abs/1908.10084}
 */
export function embed(
  encoder: Encoder,
  ids: readonly number[] | readonly (readonly number[])[],
  { pooling = meanOfTokens, normalize = true, ...options }: EmbedOptions = {},
): Tensor<'B E'> {
  return scope(() => {
    const { hidden, positions } = encoder.encode(ids, options);
    const pooled = pooling.pool(hidden, positions);
    return normalize ? normalized(pooled) : pooled;
  });
}
