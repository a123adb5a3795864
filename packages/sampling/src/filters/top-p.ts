import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { crossing } from '../select.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * Top-p, nucleus sampling: the fewest most likely tokens that together have probability `p`.
 *
 * ```text
 * in descending order keep tokens until their sum reaches p; the one that crosses p stays
 * ```
 *
 * Among equally likely tokens at the edge the lower ids stay. A weighted selection finds the edge, so nothing
 * is sorted.
 *
 * @see Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", {@link https://arxiv.org/abs/1904.09751}
 */
export function topP(p: number, options: KeepOptions = {}): Filter {
  checkNumber('top-p', 'p', p, { above: 0, atMost: 1 }, '1 keeps every token');
  const minimum = checkKeep('top-p', options);
  return defineFilter({
    name: 'top-p',
    options: { p, minTokensToKeep: minimum },
    apply(candidates) {
      if (p === 1) return;
      const { size, logits, weights } = candidates;
      const last = crossing(logits, weights, size, p * candidates.total, false, candidates.scratchOrder());
      const edge = logits[last]!;
      candidates.retain((i) => logits[i]! > edge || (logits[i] === edge && i <= last), minimum);
    },
  });
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
  defaults: { p: 0.95, minTokensToKeep: 1 },
  build: ({ p, ...keep }) => topP(p, keep),
});
