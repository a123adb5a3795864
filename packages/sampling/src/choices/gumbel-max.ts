import { type Choice, defineChoice, defineRule } from '../contract.ts';

/**
 * The Gumbel-max trick: a draw from the softmax without computing it. Takes one random number for each
 * candidate, ids ascending.
 *
 * ```text
 * argmax (l_i − ln(−ln u_i))        is distributed as softmax(l)
 * ```
 *
 * Never throws.
 *
 * @see Maddison, Tarlow and Minka 2014, "A* Sampling", {@link https://arxiv.org/abs/1411.0030}; Gumbel 1954
 */
export function gumbelMax(): Choice {
  return defineChoice({
    name: 'gumbel-max',
    options: {},
    choose(candidates, { random }) {
      const { size, logits } = candidates;
      let best = 0;
      let highest = -Infinity;
      for (let i = 0; i < size; i++) {
        const perturbed = logits[i]! - Math.log(-Math.log(random.next()));
        if (perturbed > highest) {
          highest = perturbed;
          best = i;
        }
      }
      return best;
    },
    distribution() {},
  });
}

export const gumbelMaxRule = defineRule({
  name: 'gumbel-max',
  formula: 'argmax (l − ln(−ln u))',
  source: {
    title: 'A* Sampling',
    authors: 'Maddison et al.',
    year: 2014,
    url: 'https://arxiv.org/abs/1411.0030',
  },
  defaults: {},
  build: () => gumbelMax(),
});
