import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Multi-query attention (MQA): all query heads read one key and one value head, so the cache is `H` times
 * smaller than multi-head attention's, and a decode step reads as much less.
 *
 * ```text
 * q [B, Lq, H, D ]
 * k [B, Lk, 1, D ]
 * v [B, Lk, 1, Dv]
 * → [B, Lq, H, Dv]   softmax(q · kᵀ / √D) · v
 * ```
 *
 * @see Shazeer 2019, "Fast Transformer Decoding: One Write-Head is All You Need", section 3,
 * {@link https://arxiv.org/abs/1911.02150}
 */
export const multiQuery = softmaxVariant({
  name: 'multi-query',
  title: 'Multi-query attention (MQA)',
  summary: 'All query heads read one key and value head: a cache H times smaller.',
  paper: {
    title: 'Fast Transformer Decoding: One Write-Head is All You Need',
    authors: 'Shazeer',
    year: 2019,
    arxiv: '1911.02150',
  },
  defaults: {
    /** Query at position p sees keys at positions ≤ p. */
    causal: true,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  groups: () => 1,
  score: ({ causal, scale }) => ({ causal, scale }),
});
