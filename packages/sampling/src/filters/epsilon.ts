import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * Epsilon sampling: a fixed floor under the probabilities.
 *
 * ```text
 * keep p_i ≥ ε
 * ```
 *
 * @see Hewitt, Manning and Liang 2022, "Truncation Sampling as Language Model Desmoothing",
 * {@link https://arxiv.org/abs/2210.15191}
 *
 * @throws {SamplingError} if `floor` is not in [0, 1) or `minTokensToKeep` is not a whole number ≥ 1.
 */
export function epsilon(floor: number, options: KeepOptions = {}): Filter {
  checkNumber('epsilon', 'floor', floor, { atLeast: 0, below: 1 }, '0 keeps every token');
  const minimum = checkKeep('epsilon', options);
  return defineFilter({
    name: 'epsilon',
    options: { floor, minTokensToKeep: minimum },
    apply(candidates) {
      const { weights } = candidates;
      const edge = floor * candidates.total;
      candidates.retain((i) => weights[i]! >= edge, minimum);
    },
  });
}

export const epsilonRule = defineRule({
  name: 'epsilon',
  formula: 'keep p ≥ ε',
  source: {
    title: 'Truncation Sampling as Language Model Desmoothing',
    authors: 'Hewitt et al.',
    year: 2022,
    url: 'https://arxiv.org/abs/2210.15191',
  },
  defaults: { floor: 3e-4, minTokensToKeep: 1 },
  build: ({ floor, ...keep }) => epsilon(floor, keep),
});
