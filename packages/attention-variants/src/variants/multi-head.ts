import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Multi-head attention (MHA): every query head has a key and a value head of its own. The cache holds
 * `2 · H · D` numbers a token and layer, which is what most other variants set out to shrink.
 *
 * ```text
 * q [B, Lq, H, D ]
 * k [B, Lk, H, D ]   query head h reads key head h
 * v [B, Lk, H, Dv]
 * → [B, Lq, H, Dv]   softmax(q · kᵀ / √D) · v
 * ```
 *
 * Time `O(B · H · Lq · Lk · D)`. Causal unless told otherwise: an encoder says `causal: false`.
 *
 * @see Vaswani et al. 2017, "Attention Is All You Need", section 3.2, {@link https://arxiv.org/abs/1706.03762}
 */
export const multiHead = softmaxVariant({
  name: 'multi-head',
  title: 'Multi-head attention (MHA)',
  summary: 'Every query head has a key and value head of its own: the most to remember.',
  paper: { title: 'Attention Is All You Need', authors: 'Vaswani et al.', year: 2017, arxiv: '1706.03762' },
  defaults: {
    /** Query at position p sees keys at positions ≤ p. */
    causal: true,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ causal, scale }) => ({ causal, scale }),
});
