import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * Min-p: a cutoff that follows the model's certainty.
 *
 * ```text
 * keep p_i ≥ m · p_max,  the same as  l_i ≥ l_max + ln m      no softmax is needed
 * ```
 *
 * @see Nguyen et al. 2025, "Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs",
 * {@link https://arxiv.org/abs/2407.01082}
 *
 * @throws {SamplingError} if `m` is not in [0, 1] or `minTokensToKeep` is not a whole number ≥ 1.
 */
export function minP(m: number, options: KeepOptions = {}): Filter {
  checkNumber('min-p', 'm', m, { atLeast: 0, atMost: 1 }, '0 keeps every token');
  const minimum = checkKeep('min-p', options);
  return defineFilter({
    name: 'min-p',
    options: { m, minTokensToKeep: minimum },
    apply(candidates) {
      if (m > 0) candidates.keepWithin(-Math.log(m), minimum);
    },
  });
}

export const minPRule = defineRule({
  name: 'min-p',
  formula: 'keep p ≥ m · p_max',
  source: {
    title: 'Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs',
    authors: 'Nguyen et al.',
    year: 2025,
    url: 'https://arxiv.org/abs/2407.01082',
  },
  defaults: { m: 0.05, minTokensToKeep: 1 },
  build: ({ m, ...keep }) => minP(m, keep),
});
