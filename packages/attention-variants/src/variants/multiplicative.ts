import { headLinear } from '@headwise/tensor';
import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Multiplicative attention (Luong, "general"): a learned matrix a head stands between query and key, so that the
 * two may have different widths; there is no scale. Scaled dot-product attention is the case of `w = 1 / √D`.
 *
 * ```text
 * q [B, Lq, H, D ]   w [H, D, Dk]
 * k [B, Lk, H, Dk]
 * s = q · w · kᵀ     → softmax(s) · v
 * ```
 *
 * The matrix is applied to the queries, so keys are cached as they are.
 *
 * @see Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation", section 3.1,
 * {@link https://arxiv.org/abs/1508.04025}
 */
export const multiplicative = softmaxVariant({
  name: 'multiplicative',
  title: 'Multiplicative attention (Luong)',
  summary: 'A learned matrix stands between query and key.',
  paper: {
    title: 'Effective Approaches to Attention-based Neural Machine Translation',
    authors: 'Luong et al.',
    year: 2015,
    arxiv: '1508.04025',
  },
  defaults: {
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Query at position p sees keys at positions ≤ p. Over a source: `false`. */
    causal: true,
    /** Multiplies the scores. */
    scale: 1,
  },
  score: ({ causal, scale }) => ({ causal, scale }),
  parameters: ({ H, D }) => ({ w: [H, D, D] }),
  query: (q, { w }) => headLinear(q, w!, { transposed: true }),
});
