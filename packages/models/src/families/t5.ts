import { defineFamily } from '../family.ts';
import { t5Extras, t5Parts, t5Sizes, t5Weights } from '../formats/t5-fields.ts';

/**
 * T5 and its successors (v1.1, Flan-T5): scores of which no root of D is taken, biased by learned buckets of distances
 * that all layers of a half share; RMSNorm before each part; a plain feed-forward, or a gated one from v1.1 on.
 *
 * ```text
 * h = x + attention(norm(x))      y = h + down · act(up · norm(h))      decoder: cross-attention between the two
 * logits = embed · norm(y) / √E   (1.0, tied)      head · norm(y)   (1.1)
 * ```
 *
 * @see Raffel et al. 2019, section 2.1, {@link https://arxiv.org/abs/1910.10683}; Shazeer 2020, "GLU Variants Improve
 * Transformer", section 3
 */
export const t5 = /* @__PURE__ */ defineFamily({
  name: 't5',
  title: 'T5',
  paper: {
    title: 'Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer',
    authors: 'Raffel et al.',
    year: 2019,
    arxiv: '1910.10683',
  },
  architectures: ['T5ForConditionalGeneration', 'T5WithLMHeadModel'],

  config(fields) {
    // version 1.0 scales what its tied head reads; 4.x says so by the tie, 5.x in a field of its own
    const tied = fields.flag('tie_word_embeddings', true);
    return { ...t5Sizes(fields, 'relu'), scaled: fields.flag('scale_decoder_outputs', tied) };
  },

  model: (config) => t5Parts(config, config.scaled),
  weights: t5Weights,
  ...t5Extras,
});
