import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { crossing } from '../select.ts';
import { checkKeep, checkTies, type KeepOptions } from './keep.ts';

/** Options of {@link topP}. */
export interface TopPOptions extends KeepOptions {
  /**
   * Which of equally likely tokens stay where only some of them fit: the `'lower'` ids, the default, or the
   * `'higher'` ones, as in Hugging Face, which removes in ascending order of probability, lower ids first.
   */
  readonly ties?: 'lower' | 'higher';
}

/**
 * Top-p, nucleus sampling: the fewest most likely tokens that together have probability `p`.
 *
 * ```text
 * in descending order keep tokens until their sum reaches p; the one that crosses p stays
 * ```
 *
 * Among equally likely tokens at the edge the lower ids stay, or the higher ones. A weighted selection finds the
 * edge, so nothing is sorted.
 *
 * @see Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", {@link https://arxiv.org/abs/1904.09751}
 *
 * @throws {SamplingError} if `p` is not in (0, 1], `minTokensToKeep` is not a whole number ≥ 1, or `ties` is another
 * word.
 */
export function topP(p: number, options: TopPOptions = {}): Filter {
  checkNumber('top-p', 'p', p, { above: 0, atMost: 1 }, '1 keeps every token');
  const minimum = checkKeep('top-p', options);
  const ties = checkTies('top-p', options.ties ?? 'lower', ['lower', 'higher']);
  return defineFilter({
    name: 'top-p',
    options: { p, minTokensToKeep: minimum, ties },
    apply(candidates) {
      if (p === 1) return;
      const { size, logits, weights } = candidates;
      const last = crossing(logits, weights, size, p * candidates.total, false, candidates.scratchOrder());
      const edge = logits[last]!;
      const first = ties === 'lower' ? -1 : mirrored(logits, size, last);
      const fits = ties === 'lower' ? (i: number) => i <= last : (i: number) => i >= first;
      candidates.retain((i) => logits[i]! > edge || (logits[i] === edge && fits(i)), minimum);
    },
  });
}

/** Where the tied ones that stay begin when as many as up to `last` are counted from the other end. */
function mirrored(logits: Float64Array, size: number, last: number): number {
  const edge = logits[last]!;
  let room = 0;
  for (let i = 0; i <= last; i++) if (logits[i] === edge) room++;
  let first = size;
  while (room > 0) if (logits[--first] === edge) room--;
  return first;
}

export const topPRule = defineRule({
  name: 'top-p',
  formula: 'shortest descending prefix with Σ p ≥ p',
  source: {
    title: 'The Curious Case of Neural Text Degeneration',
    authors: 'Holtzman et al.',
    year: 2020,
    url: 'https://arxiv.org/abs/1904.09751',
  },
  defaults: { p: 0.95, minTokensToKeep: 1, ties: 'lower' as 'lower' | 'higher' },
  build: ({ p, ...options }) => topP(p, options),
});
