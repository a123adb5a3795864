import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkIds, checkOptions, checkWhole } from '../errors.ts';

/** Options of {@link minimumLength}; lengths in tokens. */
export interface MinimumLengthOptions {
  /** Generated tokens before an end token may come; the prompt does not count. */
  readonly tokens: number;
  /** The tokens that end a sequence. */
  readonly endIds: readonly number[];
}

/**
 * Minimum length: no end token before so many tokens were generated.
 *
 * ```text
 * remove the end tokens while generated < tokens
 * ```
 *
 * @see `MinNewTokensLengthLogitsProcessor` of Hugging Face transformers,
 * {@link https://huggingface.co/docs/transformers/internal/generation_utils}
 *
 * @throws {SamplingError} if `tokens` is not a whole number ≥ 0 or `endIds` no list of token ids.
 */
export function minimumLength(options: MinimumLengthOptions): Filter {
  checkOptions('minimum-length', options, 'tokens and endIds');
  const { tokens, endIds } = options;
  checkWhole('minimum-length', 'tokens', tokens, 0);
  checkIds('minimum-length', 'endIds', endIds);
  return defineFilter({
    name: 'minimum-length',
    options: { tokens, endIds },
    apply(candidates, { ids, promptLength }) {
      if (ids.length - promptLength < tokens) candidates.remove(endIds);
    },
  });
}

export const minimumLengthRule = defineRule({
  name: 'minimum-length',
  formula: 'remove end tokens while generated < n',
  source: {
    title: 'Transformers: MinNewTokensLengthLogitsProcessor',
    authors: 'Hugging Face',
    year: 2022,
    url: 'https://huggingface.co/docs/transformers/internal/generation_utils',
  },
  defaults: { tokens: 0, endIds: [] as readonly number[] },
  build: (options) => minimumLength(options),
});
