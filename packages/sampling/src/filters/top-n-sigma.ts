import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * Top-nσ: logits within `n` standard deviations of the best. Does not change with temperature, since both sides
 * scale alike.
 *
 * ```text
 * keep l_i ≥ l_max − n · σ(l)        σ over the candidates, population form
 * ```
 *
 * @see Tang et al. 2024, "Top-nσ: Not All Logits Are You Need", {@link https://arxiv.org/abs/2411.07641}
 *
 * @throws {SamplingError} if `n` is no number above 0 or `minTokensToKeep` is not a whole number ≥ 1.
 */
export function topNSigma(n: number, options: KeepOptions = {}): Filter {
  checkNumber('top-n-sigma', 'n', n, { above: 0 }, 'leave the rule out of the chain to keep every token');
  const minimum = checkKeep('top-n-sigma', options);
  return defineFilter({
    name: 'top-n-sigma',
    options: { n, minTokensToKeep: minimum },
    apply(candidates) {
      const { size, logits } = candidates;
      let sum = 0;
      for (let i = 0; i < size; i++) sum += logits[i]!;
      const mean = sum / size;
      let squares = 0;
      for (let i = 0; i < size; i++) squares += (logits[i]! - mean) ** 2;
      candidates.keepWithin(n * Math.sqrt(squares / size), minimum);
    },
  });
}

export const topNSigmaRule = defineRule({
  name: 'top-n-sigma',
  formula: 'keep l ≥ l_max − n · σ(l)',
  source: {
    title: 'Top-nσ: Not All Logits Are You Need',
    authors: 'Tang et al.',
    year: 2024,
    url: 'https://arxiv.org/abs/2411.07641',
  },
  defaults: { n: 1, minTokensToKeep: 1 },
  build: ({ n, ...keep }) => topNSigma(n, keep),
});
