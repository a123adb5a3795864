import { type Choice, defineChoice, defineRule } from '../contract.ts';

/**
 * A draw by the inverse of the cumulative distribution, in the order of the ids, as `torch.multinomial` and a
 * person with a number line do it. Takes one random number `u`.
 *
 * ```text
 * the first token, ids ascending, whose running sum of p exceeds u
 * ```
 *
 * Never throws.
 *
 * @see Devroye 1986, "Non-Uniform Random Variate Generation", section III.2,
 * {@link https://doi.org/10.1007/978-1-4613-8643-8}
 */
export function draw(): Choice {
  return defineChoice({
    name: 'draw',
    options: {},
    choose(candidates, { random }) {
      const { size, weights } = candidates;
      const target = random.next() * candidates.total;
      let sum = 0;
      let last = 0;
      for (let i = 0; i < size; i++) {
        const weight = weights[i]!;
        if (weight === 0) continue;
        sum += weight;
        if (sum > target) return i;
        last = i;
      }
      return last; // rounding may leave the sum a hair below the total
    },
    distribution() {},
  });
}

export const drawRule = defineRule({
  name: 'draw',
  formula: 'first id whose running Σ p exceeds u',
  source: {
    title: 'Non-Uniform Random Variate Generation',
    authors: 'Devroye',
    year: 1986,
    url: 'https://doi.org/10.1007/978-1-4613-8643-8',
  },
  defaults: {},
  build: () => draw(),
});
