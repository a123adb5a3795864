import { type Choice, defineRule } from '../contract.ts';
import { type GumbelSoftmaxOptions, relaxedChoice } from './gumbel-softmax.ts';

/**
 * Straight-through Gumbel-softmax: the next layer sees a true one-hot token, the gradient flows as if it had
 * seen the soft sample. Biased, but the forward pass is what inference will do.
 *
 * ```text
 * y = softmax((l − ln(−ln u)) / τ)        forward one-hot(argmax y), backward through y
 * ```
 *
 * @see Jang, Gu and Poole 2017, "Categorical Reparameterization with Gumbel-Softmax", section 2.2,
 * {@link https://arxiv.org/abs/1611.01144}
 *
 * @throws {SamplingError} if `temperature` is no number above 0. What `onSample` throws comes out of the step.
 */
export function gumbelStraightThrough(options: GumbelSoftmaxOptions = {}): Choice {
  return relaxedChoice('gumbel-straight-through', options, (soft, best) => {
    const hard = new Float64Array(soft.length);
    hard[best] = 1;
    return hard;
  });
}

export const gumbelStraightThroughRule = defineRule({
  name: 'gumbel-straight-through',
  formula: 'forward one-hot(argmax y), backward through y of gumbel-softmax',
  source: {
    title: 'Categorical Reparameterization with Gumbel-Softmax',
    authors: 'Jang et al.',
    year: 2017,
    url: 'https://arxiv.org/abs/1611.01144',
  },
  defaults: { temperature: 1 },
  build: (options) => gumbelStraightThrough(options),
});
