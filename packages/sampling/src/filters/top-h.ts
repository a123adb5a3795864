import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { keepExactly } from './keep.ts';

/** How many of the best tokens take part; the others are removed. Hugging Face's constant. */
const considered = 100;

/**
 * Top-h: bounds the entropy of what is kept by a share of the entropy there was.
 *
 * ```text
 * over the 100 best tokens, renormalised: H = −Σ p ln p
 * in descending order keep tokens while the running −Σ p ln p ≤ h · H; the first always stays
 * ```
 *
 * @see Potraghloo et al. 2025, "Top-H Decoding: Adapting the Creativity and Coherence with Bounded Entropy in
 * Text Generation", {@link https://arxiv.org/abs/2509.02510}; `TopHLogitsWarper` of Hugging Face transformers.
 *
 * @throws {SamplingError} if `h` is not in (0, 1].
 */
export function topH(h: number): Filter {
  checkNumber('top-h', 'h', h, { above: 0, atMost: 1 });
  return defineFilter({
    name: 'top-h',
    options: { h },
    apply(candidates) {
      keepExactly(candidates, considered);
      const { size, logits, weights, total } = candidates;
      const order = candidates.scratchOrder().subarray(0, size);
      for (let i = 0; i < size; i++) order[i] = i;
      order.sort((a, b) => logits[b]! - logits[a]! || a - b);

      const limit = h * candidates.entropy();
      const marks = candidates.scratchKeys().fill(0, 0, size);
      let running = 0;
      for (let rank = 0; rank < size; rank++) {
        const i = order[rank]!;
        const p = weights[i]! / total;
        if (p > 0) running -= p * Math.log(p);
        // the sum of all terms is H itself, so a rounding error must not remove the last one at h = 1
        if (rank > 0 && running > limit * (1 + 1e-12)) break;
        marks[i] = 1;
      }
      candidates.retain((i) => marks[i] === 1);
    },
  });
}

export const topHRule = defineRule({
  name: 'top-h',
  formula: 'descending prefix with running −Σ p ln p ≤ h · H (of the best 100)',
  source: {
    title: 'Top-H Decoding: Adapting the Creativity and Coherence with Bounded Entropy in Text Generation',
    authors: 'Potraghloo et al.',
    year: 2025,
    url: 'https://arxiv.org/abs/2509.02510',
  },
  defaults: { h: 0.4 },
  build: (options) => topH(options.h),
});
