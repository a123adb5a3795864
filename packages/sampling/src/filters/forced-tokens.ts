import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkOptions, checkWhole } from '../errors.ts';

/** Place in the output (0 is the first generated token) → token id. */
export type ForcedPlaces = ReadonlyMap<number, number> | Readonly<Record<number, number>>;

/**
 * Forced tokens: at chosen places of the output exactly this token comes: a language tag first, the end token at
 * the last place. The one rule that brings in a token whatever the filters before it removed.
 *
 * ```text
 * at a forced place: l = 0 for the token, all others removed
 * ```
 *
 * @see `ForcedBOSTokenLogitsProcessor`, `ForcedEOSTokenLogitsProcessor` of Hugging Face transformers,
 * {@link https://huggingface.co/docs/transformers/internal/generation_utils}
 *
 * @throws {SamplingError} if a place or a token is not a whole number ≥ 0.
 */
export function forcedTokens(places: ForcedPlaces): Filter {
  checkOptions('forced-tokens', places, 'a token for each place');
  const map = new Map<number, number>();
  for (const [key, id] of places instanceof Map ? places : Object.entries(places)) {
    checkWhole('forced-tokens', 'a place', Number(key), 0);
    checkWhole('forced-tokens', `the token at place ${key}`, id, 0);
    map.set(Number(key), id);
  }
  return defineFilter({
    name: 'forced-tokens',
    options: { places: Object.fromEntries(map) },
    apply(candidates, { ids, promptLength }) {
      const id = map.get(ids.length - promptLength);
      if (id !== undefined) candidates.force(id);
    },
  });
}

export const forcedTokensRule = defineRule({
  name: 'forced-tokens',
  formula: 'at place i only token f_i',
  source: {
    title: 'Transformers: ForcedBOSTokenLogitsProcessor',
    authors: 'Hugging Face',
    year: 2021,
    url: 'https://huggingface.co/docs/transformers/internal/generation_utils',
  },
  defaults: { places: {} as ForcedPlaces },
  build: (options) => forcedTokens(options.places),
});
