import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkIds, checkNumber, checkOptions, checkWhole } from '../errors.ts';

/** Options of {@link lengthDecay}; lengths in tokens. */
export interface LengthDecayOptions {
  /** Generated tokens after which the pull begins. */
  readonly start: number;
  /** Growth a token; above 1 pulls towards the end. */
  readonly factor: number;
  /** The tokens that end a sequence. */
  readonly endIds: readonly number[];
}

/**
 * Exponential length decay: after `start` tokens the end becomes ever more likely.
 *
 * ```text
 * n = generated − start > 0:  l_end ← l_end + |l_end| · (factor^n − 1)
 * ```
 *
 * @see `ExponentialDecayLengthPenalty` of Hugging Face transformers,
 * {@link https://huggingface.co/docs/transformers/internal/generation_utils}
 *
 * @throws {SamplingError} if `start` is not a whole number ≥ 0, `factor` no number above 0, or `endIds` no list of
 * token ids.
 */
export function lengthDecay(options: LengthDecayOptions): Filter {
  const name = 'length-decay';
  checkOptions(name, options, 'start, factor and endIds');
  const { start, factor, endIds } = options;
  checkWhole(name, 'start', start, 0);
  checkNumber(name, 'factor', factor, { above: 0 }, '1 changes nothing');
  checkIds(name, 'endIds', endIds);
  return defineFilter({
    name,
    options: { start, factor, endIds },
    apply(candidates, { ids, promptLength }) {
      const past = ids.length - promptLength - start;
      if (past <= 0) return;
      // beyond 1e300 the end token has won, and a larger number would be infinite
      const growth = Math.min(factor ** past - 1, 1e300);
      for (const id of endIds) {
        const i = candidates.indexOf(id);
        if (i < 0) continue;
        const logit = candidates.logits[i]!;
        candidates.setLogit(i, Math.min(logit + Math.abs(logit) * growth, 1e300));
      }
    },
  });
}

export const lengthDecayRule = defineRule({
  name: 'length-decay',
  formula: 'l_end + |l_end| · (f^(n − start) − 1)',
  source: {
    title: 'Transformers: ExponentialDecayLengthPenalty',
    authors: 'Hugging Face',
    year: 2022,
    url: 'https://huggingface.co/docs/transformers/internal/generation_utils',
  },
  defaults: { start: 0, factor: 1, endIds: [] as readonly number[] },
  build: (options) => lengthDecay(options),
});
