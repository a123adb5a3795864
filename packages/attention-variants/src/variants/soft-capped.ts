import { ValueError } from '@headwise/tensor';
import { checkWindow } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Soft-capped attention: scores are squeezed into (−c, c) before the mask, so that no single key can take all the
 * weight and gradients stay alive. Keeps and costs the same as multi-head attention; Gemma 2 gives every second layer
 * a window.
 *
 * ```text
 * s = c · tanh(q · kᵀ · scale / c)        c = 50 in Gemma 2; 50 · tanh(100 / 50) = 48.2014
 * ```
 *
 * Part of the operation and not a modifier, because tanh of a large argument is NaN on GPUs unless it is clamped.
 *
 * @see Gemma Team 2024, "Gemma 2: Improving Open Language Models at a Practical Size", section 2,
 * {@link https://arxiv.org/abs/2408.00118}
 */
export const softCapped = softmaxVariant({
  name: 'soft-capped',
  title: 'Soft-capped attention',
  summary: 'Scores are squeezed into (−c, c), so that no key takes all the weight.',
  paper: {
    title: 'Gemma 2: Improving Open Language Models at a Practical Size',
    authors: 'Gemma Team',
    year: 2024,
    arxiv: '2408.00118',
  },
  defaults: {
    /** Bound of the scores. */
    softcap: 50,
    /** Tokens a query sees, itself among them; `Infinity` for all. */
    window: Infinity,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Query at position p sees keys at positions ≤ p. */
    causal: true,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  cap: ({ window }) => window,
  score: ({ softcap, window, causal, scale }) => ({
    softcap,
    causal,
    scale,
    ...(window < Infinity && { window: [window - 1, causal ? 0 : window - 1] as const }),
  }),
  check(_, { softcap, window }) {
    if (window !== Infinity) checkWindow('soft-capped', window);
    if (Number.isFinite(softcap) && softcap > 0) return;
    throw new ValueError(
      'soft-capped',
      'softcap',
      'must be a number > 0 (without a cap it is multi-head)',
      softcap,
    );
  },
});
