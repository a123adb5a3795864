import { type Choice, defineChoice, defineRule } from '../contract.ts';
import { keepExactly } from '../filters/keep.ts';

/**
 * Greedy: the most likely token; the lowest id where several are equal. Takes no random number.
 *
 * ```text
 * argmax l
 * ```
 *
 * Never throws.
 *
 * @see Jelinek 1997, "Statistical Methods for Speech Recognition"
 */
export function greedy(): Choice {
  return defineChoice({
    name: 'greedy',
    options: {},
    choose(candidates) {
      keepExactly(candidates, 1);
      return 0;
    },
    distribution: (candidates) => keepExactly(candidates, 1),
  });
}

export const greedyRule = defineRule({
  name: 'greedy',
  formula: 'argmax l, lowest id of equal ones',
  source: {
    title: 'Statistical Methods for Speech Recognition',
    authors: 'Jelinek',
    year: 1997,
    url: 'https://mitpress.mit.edu/9780262546607/statistical-methods-for-speech-recognition/',
  },
  defaults: {},
  build: () => greedy(),
});
