import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkIds } from '../errors.ts';

/**
 * Suppressed at start: tokens that may not come first, for instance a blank or the end token.
 *
 * ```text
 * remove the listed ids while nothing has been generated
 * ```
 *
 * @see `SuppressTokensAtBeginLogitsProcessor` of Hugging Face transformers,
 * {@link https://huggingface.co/docs/transformers/internal/generation_utils}
 *
 * @throws {SamplingError} if `ids` is no list of token ids.
 */
export function suppressedAtStart(ids: readonly number[]): Filter {
  checkIds('suppressed-at-start', 'ids', ids);
  return defineFilter({
    name: 'suppressed-at-start',
    options: { ids },
    apply(candidates, context) {
      if (context.ids.length === context.promptLength) candidates.remove(ids);
    },
  });
}

export const suppressedAtStartRule = defineRule({
  name: 'suppressed-at-start',
  formula: 'remove the listed ids for the first token',
  source: {
    title: 'Transformers: SuppressTokensAtBeginLogitsProcessor',
    authors: 'Hugging Face',
    year: 2022,
    url: 'https://huggingface.co/docs/transformers/internal/generation_utils',
  },
  defaults: { ids: [] as readonly number[] },
  build: (options) => suppressedAtStart(options.ids),
});
