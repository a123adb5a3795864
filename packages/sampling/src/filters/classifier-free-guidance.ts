import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkSecondLogits, logSumExp } from './second-logits.ts';

/**
 * Classifier-free guidance: away from what the model would say without the condition (without the prompt, or
 * with a negative one), towards what it says with it. The step returns both rows of logits.
 *
 * ```text
 * c = log softmax(logits), u = log softmax(unconditional);  l ← u + g · (c − u)
 * ```
 *
 * `g = 1` is the conditional model, `g > 1` follows the prompt more closely. A token that the unconditional
 * model excludes (−∞) keeps its conditional value times `g`.
 *
 * @see Sanchez et al. 2023, "Stay on topic with Classifier-Free Guidance", {@link https://arxiv.org/abs/2306.17806}
 *
 * @throws {SamplingError} if `guidance` is no number ≥ 0; at a step, if it gave no `unconditional` logits, of another
 * vocabulary or with NaN or Infinity, or a logit would become infinite.
 */
export function classifierFreeGuidance(guidance: number): Filter {
  const name = 'classifier-free-guidance';
  checkNumber(name, 'guidance', guidance, { atLeast: 0 }, '1 changes nothing');
  return defineFilter({
    name,
    options: { guidance },
    apply(candidates, { unconditional }) {
      checkSecondLogits(name, 'unconditional', unconditional, candidates.vocabulary);
      const conditionalSum = candidates.logSumExp();
      const unconditionalSum = logSumExp(unconditional);
      const { size, ids, logits } = candidates;
      for (let i = 0; i < size; i++) {
        const c = logits[i]! - conditionalSum;
        const u = unconditional[ids[i]!]! - unconditionalSum;
        candidates.setLogit(i, Number.isFinite(u) ? u + guidance * (c - u) : guidance * c);
      }
    },
  });
}

export const classifierFreeGuidanceRule = defineRule({
  name: 'classifier-free-guidance',
  formula: 'u + g · (c − u), log-softmax of both',
  source: {
    title: 'Stay on topic with Classifier-Free Guidance',
    authors: 'Sanchez et al.',
    year: 2023,
    url: 'https://arxiv.org/abs/2306.17806',
  },
  defaults: { guidance: 1.5 },
  build: (options) => classifierFreeGuidance(options.guidance),
});
