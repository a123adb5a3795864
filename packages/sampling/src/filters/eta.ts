import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * Eta sampling: a floor that sinks where the model is unsure.
 *
 * ```text
 * η = min(ε, √ε · e^(−H));  keep p_i ≥ η
 * ```
 *
 * @see Hewitt, Manning and Liang 2022, "Truncation Sampling as Language Model Desmoothing",
 * {@link https://arxiv.org/abs/2210.15191}
 *
 * @throws {SamplingError} if `floor` is not in [0, 1) or `minTokensToKeep` is not a whole number ≥ 1.
 */
export function eta(floor: number, options: KeepOptions = {}): Filter {
  checkNumber('eta', 'floor', floor, { atLeast: 0, below: 1 }, '0 keeps every token');
  const minimum = checkKeep('eta', options);
  return defineFilter({
    name: 'eta',
    options: { floor, minTokensToKeep: minimum },
    apply(candidates) {
      const { weights } = candidates;
      const cut = Math.min(floor, Math.sqrt(floor) * Math.exp(-candidates.entropy()));
      const edge = cut * candidates.total;
      candidates.retain((i) => weights[i]! >= edge, minimum);
    },
  });
}

export const etaRule = defineRule({
  name: 'eta',
  formula: 'keep p ≥ min(ε, √ε · e^(−H))',
  source: {
    title: 'Truncation Sampling as Language Model Desmoothing',
    authors: 'Hewitt et al.',
    year: 2022,
    url: 'https://arxiv.org/abs/2210.15191',
  },
  defaults: { floor: 3e-4, minTokensToKeep: 1 },
  build: ({ floor, ...keep }) => eta(floor, keep),
});
