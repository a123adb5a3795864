import type { EncoderDecoder } from '@headwise/models';
import { crossEntropy, scope, type Tensor, ValueError } from '@headwise/tensor';
import type { Params } from './params.ts';
import { checkTargets, filled, IGNORED, rowsOf, type TokenBatch } from './rows.ts';
import { withThroughStates } from './through.ts';

/** Texts about sources: of each what is read, what is written, and what is to come after each token. */
export interface TranslationBatch extends TokenBatch {
  /** Rows of tokens that are read, one for each row of `ids`, of lengths of their own. */
  readonly sources: readonly (readonly number[])[];
}

/**
 * The loss of an encoder with a decoder: the mean cross-entropy of the next token of each text, given its source. The
 * model is made once, of the very tensors that are trained; gradients reach both halves, and a table that they share
 * from both.
 *
 * ```text
 * source ─▶ encoder ─▶ hidden ─▶ cross-attention of the decoder ◀─ text        loss = CE(head(decoder), next)
 * ```
 *
 * Vaswani et al. 2017, section 3; Sutskever et al. 2014, "Sequence to Sequence Learning with Neural Networks", eq. 1.
 *
 * @param options `smoothing` of the targets, 0.1 in the original Transformer (Vaswani et al. 2017, section 5.4)
 * @returns `(params, batch) → []`
 * @throws {ValueError} inside, for a batch whose targets or sources do not go with its ids.
 */
export function translationLoss(
  { encoder, decoder }: EncoderDecoder,
  { smoothing = 0 }: { readonly smoothing?: number } = {},
): (params: Params, batch: TranslationBatch) => Tensor {
  return (_, { sources, ids: rows, targets }) =>
    scope(() => {
      const { device } = decoder;
      checkTargets('translationLoss', rows, targets);
      if (sources.length !== rows.length)
        throw new ValueError(
          'translationLoss',
          'sources',
          `must be one for each of the ${rows.length} rows of ids`,
          sources.length,
        );
      const { ids, positions } = rowsOf(device, rows);
      const { hidden: source, positions: sourcePositions } = encoder.encode(sources);
      const hidden = withThroughStates(device, decoder.specs, rows.length, (states) =>
        decoder.run(ids, positions, { states, source: source as Tensor, sourcePositions }),
      );
      return crossEntropy(decoder.head(hidden), filled(device, targets, IGNORED), { smoothing });
    });
}
