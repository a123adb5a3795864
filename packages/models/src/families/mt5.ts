import { defineFamily } from '../family.ts';
import { t5Extras, t5Parts, t5Sizes, t5Weights } from '../formats/t5-fields.ts';

/**
 * mT5: T5 1.1 with one vocabulary for a hundred languages. Its head is a matrix of its own, and nothing is scaled before
 * it.
 *
 * ```text
 * h = x + attention(norm(x))      y = h + down · (gelu(gate · norm(h)) · (up · norm(h)))
 * logits = head · norm(y)
 * ```
 *
 * @see Xue et al. 2020, section 3.2, {@link https://arxiv.org/abs/2010.11934}
 */
export const mt5 = /* @__PURE__ */ defineFamily({
  name: 'mt5',
  title: 'mT5',
  paper: {
    title: 'mT5: A Massively Multilingual Pre-trained Text-to-Text Transformer',
    authors: 'Xue et al.',
    year: 2020,
    arxiv: '2010.11934',
  },
  architectures: ['MT5ForConditionalGeneration'],

  config(fields) {
    // whether the head is the table, the file shows: it has one or not
    fields.flag('tie_word_embeddings');
    return t5Sizes(fields, 'gated-gelu');
  },

  model: (config) => t5Parts(config, false),
  weights: t5Weights,
  ...t5Extras,
});
