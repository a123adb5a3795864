import { describeRule } from '../contract.ts';
import { checkOptions, checkWhole } from '../errors.ts';
import type { Drafter } from './contract.ts';

/** Options of {@link promptLookup}; lengths in tokens. */
export interface PromptLookupOptions {
  /** Longest ending that is looked for. Default 3. */
  readonly maxNgram?: number;
  /** Shortest ending that is looked for. Default 1. */
  readonly minNgram?: number;
}

/**
 * Prompt lookup: drafts by copying what followed the last time the text ended like this. Needs no second model,
 * and pays where the output quotes the input: summaries, edits, code.
 *
 * ```text
 * for n = maxNgram … minNgram: latest earlier place of the last n tokens → the tokens after it, q = 1
 * ```
 *
 * @see Saxena 2023, "Prompt Lookup Decoding", {@link https://github.com/apoorvumang/prompt-lookup-decoding}
 *
 * @throws {SamplingError} if `minNgram` is not a whole number ≥ 1, or `maxNgram` none ≥ `minNgram`.
 */
export function promptLookup(options: PromptLookupOptions = {}): Drafter {
  checkOptions('prompt-lookup', options);
  const { maxNgram = 3, minNgram = 1 } = options;
  checkWhole('prompt-lookup', 'minNgram', minNgram, 1);
  checkWhole('prompt-lookup', 'maxNgram', maxNgram, minNgram);
  return {
    name: 'prompt-lookup',
    propose(ids, count) {
      for (let n = Math.min(maxNgram, ids.length - 1); n >= minNgram; n--) {
        const start = lastPlace(ids, n);
        if (start >= 0) return ids.slice(start + n, start + n + count).map((id) => ({ id }));
      }
      return [];
    },
  };
}

/** Latest start of the last `n` tokens before the end itself, or −1. */
function lastPlace(ids: readonly number[], n: number): number {
  const tail = ids.length - n;
  for (let start = tail - 1; start >= 0; start--) {
    let same = 0;
    while (same < n && ids[start + same] === ids[tail + same]) same++;
    if (same === n) return start;
  }
  return -1;
}

export const promptLookupRule = describeRule({
  name: 'prompt-lookup',
  formula: 'copy what followed the latest earlier place of the last n tokens',
  source: {
    title: 'Prompt Lookup Decoding',
    authors: 'Saxena',
    year: 2023,
    url: 'https://github.com/apoorvumang/prompt-lookup-decoding',
  },
  defaults: { maxNgram: 3, minNgram: 1, draftLength: 4 },
});
