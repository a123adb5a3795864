import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Grouped-query attention (GQA): `H` query heads share `Hkv` key/value heads, so the KV cache is `H / Hkv` times
 * smaller. `Hkv = H` is multi-head attention, `Hkv = 1` is multi-query attention.
 *
 * ```text
 * q [B, Lq, H,   D ]
 * k [B, Lk, Hkv, D ]   query head h reads kv head ⌊h · Hkv / H⌋
 * v [B, Lk, Hkv, Dv]
 * → [B, Lq, H,   Dv]   softmax(q · kᵀ / √D) · v
 * ```
 *
 * The papers' GQA-g has g key/value heads; some code counts queries a group instead (`H / Hkv`).
 *
 * @see Ainslie et al. 2023, "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head
 * Checkpoints", section 2.2, {@link https://arxiv.org/abs/2305.13245}
 */
export const groupedQuery = softmaxVariant({
  name: 'grouped-query',
  title: 'Grouped-query attention (GQA)',
  summary: 'Groups of query heads share a key and value head: a cache H / Hkv times smaller.',
  paper: {
    title: 'GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints',
    authors: 'Ainslie et al.',
    year: 2023,
    arxiv: '2305.13245',
  },
  defaults: {
    /** Key/value heads; `undefined` for `H / 4`, or 1 where 4 does not divide H. */
    Hkv: undefined as number | undefined,
    /** Query at position p sees keys at positions ≤ p. */
    causal: true,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  groups: (H, { Hkv }) => Hkv ?? (H % 4 === 0 ? H / 4 : 1),
  score: ({ causal, scale }) => ({ causal, scale }),
});
