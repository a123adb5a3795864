import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkIds, checkLists, SamplingError } from '../errors.ts';

/**
 * Bad words: token sequences that may not come.
 *
 * ```text
 * remove the last token of a sequence whenever the text ends in the tokens before it
 * ```
 *
 * A word usually has several spellings in tokens (with a leading space, capitalised): give each of them.
 *
 * @see `NoBadWordsLogitsProcessor` of Hugging Face transformers,
 * {@link https://huggingface.co/docs/transformers/internal/generation_utils}
 *
 * @throws {SamplingError} if a sequence is empty or no list of token ids.
 */
export function badWords(sequences: readonly (readonly number[])[]): Filter {
  checkLists('bad-words', 'sequences', sequences);
  sequences.forEach((sequence, i) => {
    checkIds('bad-words', `sequences[${i}]`, sequence);
    if (sequence.length === 0) throw new SamplingError('bad-words', `sequences[${i}] is empty; leave it out`);
  });
  return defineFilter({
    name: 'bad-words',
    options: { sequences },
    apply(candidates, { ids }) {
      const banned = sequences
        .filter((sequence) => endsBefore(ids, sequence))
        .map((sequence) => sequence.at(-1)!);
      if (banned.length > 0) candidates.remove(banned);
    },
  });
}

/** Do the ids end in all of `sequence` but its last token? */
function endsBefore(ids: readonly number[], sequence: readonly number[]): boolean {
  const offset = ids.length - (sequence.length - 1);
  if (offset < 0) return false;
  for (let i = 0; i < sequence.length - 1; i++) if (ids[offset + i] !== sequence[i]) return false;
  return true;
}

export const badWordsRule = defineRule({
  name: 'bad-words',
  formula: 'remove the token that would complete a listed sequence',
  source: {
    title: 'Transformers: NoBadWordsLogitsProcessor',
    authors: 'Hugging Face',
    year: 2020,
    url: 'https://huggingface.co/docs/transformers/internal/generation_utils',
  },
  defaults: { sequences: [] as readonly (readonly number[])[] },
  build: (options) => badWords(options.sequences),
});
