import { type Choice, defineChoice, defineRule } from '../contract.ts';
import { crossing } from '../select.ts';

/**
 * A draw by the inverse of the cumulative distribution, the most likely token first, as llama.cpp and llama2.c
 * do it. The same distribution as {@link draw} with another use of the random number: a small `u` means a likely
 * token. A weighted selection finds the token, so nothing is sorted.
 *
 * ```text
 * the first token, p descending (ties: lower id first), whose running sum of p exceeds u
 * ```
 *
 * Never throws.
 *
 * @see Devroye 1986, "Non-Uniform Random Variate Generation", section III.2,
 * {@link https://doi.org/10.1007/978-1-4613-8643-8}; `sample_topp` of karpathy/llama2.c
 */
export function drawDescending(): Choice {
  return defineChoice({
    name: 'draw-descending',
    options: {},
    choose(candidates, { random }) {
      const { size, logits, weights, total } = candidates;
      return crossing(logits, weights, size, random.next() * total, true, candidates.scratchOrder());
    },
    distribution() {},
  });
}

export const drawDescendingRule = defineRule({
  name: 'draw-descending',
  formula: 'first token, p descending, whose running Σ p exceeds u',
  source: {
    title: 'Non-Uniform Random Variate Generation',
    authors: 'Devroye',
    year: 1986,
    url: 'https://doi.org/10.1007/978-1-4613-8643-8',
  },
  defaults: {},
  build: () => drawDescending(),
});
