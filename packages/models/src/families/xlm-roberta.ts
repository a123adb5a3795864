import { defineFamily } from '../family.ts';
import { bertBlock, bertSizes } from '../formats/bert-fields.ts';
import { firstRow, robertaExtras, robertaHead, robertaWeights } from '../formats/roberta-fields.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';

/**
 * XLM-RoBERTa: RoBERTa's model with one vocabulary of pieces for a hundred languages.
 *
 * ```text
 * x = norm(embed[ids] + table[pad + 1 + i] + type)
 * h = norm(x + attention(x))      y = norm(h + down · gelu(up · h))
 * ```
 *
 * @see Conneau et al. 2019, section 3, {@link https://arxiv.org/abs/1911.02116}
 */
export const xlmRoberta = /* @__PURE__ */ defineFamily({
  name: 'xlm-roberta',
  title: 'XLM-RoBERTa',
  paper: {
    title: 'Unsupervised Cross-lingual Representation Learning at Scale',
    authors: 'Conneau et al.',
    year: 2019,
    arxiv: '1911.02116',
  },
  architectures: [
    'XLMRobertaModel',
    'XLMRobertaForMaskedLM',
    'XLMRobertaForSequenceClassification',
    'XLMRobertaForTokenClassification',
    'XLMRobertaForQuestionAnswering',
  ],

  config(fields) {
    const sizes = bertSizes(fields);
    return { ...sizes, head: robertaHead(fields, 'XLMRoberta', sizes), offset: firstRow(fields, sizes) };
  },

  model: (config) => ({
    kind: 'encoder',
    parts: {
      shape: config.shape,
      blocks: bertBlock(config),
      position: learnedPositions({ rows: config.rows, offset: config.offset }),
      types: config.types,
      embedNorm: createLayerNorm({ eps: config.eps }),
      head: config.head,
      context: config.rows - config.offset,
    },
  }),

  weights: (config) => robertaWeights('roberta', config),
  ...robertaExtras('roberta'),
});
