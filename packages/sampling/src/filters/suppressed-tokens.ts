import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkIds } from '../errors.ts';

/**
 * Suppressed tokens: never come.
 *
 * ```text
 * remove the listed ids
 * ```
 *
 * @see `SuppressTokensLogitsProcessor` of Hugging Face transformers,
 * {@link https://huggingface.co/docs/transformers/internal/generation_utils}
 *
 * @throws {SamplingError} if `ids` is no list of token ids.
 */
export function suppressedTokens(ids: readonly number[]): Filter {
  checkIds('suppressed-tokens', 'ids', ids);
  return defineFilter({
    name: 'suppressed-tokens',
    options: { ids },
    apply: (candidates) => candidates.remove(ids),
  });
}

export const suppressedTokensRule = defineRule({
  name: 'suppressed-tokens',
  formula: 'remove the listed ids',
  source: {
    title: 'Transformers: SuppressTokensLogitsProcessor',
    authors: 'Hugging Face',
    year: 2022,
    url: 'https://huggingface.co/docs/transformers/internal/generation_utils',
  },
  defaults: { ids: [] as readonly number[] },
  build: (options) => suppressedTokens(options.ids),
});
