import { defineFamily } from '../family.ts';
import { bertBlock, bertSizes } from '../formats/bert-fields.ts';
import { firstRow, robertaExtras, robertaHead, robertaWeights } from '../formats/roberta-fields.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';

/**
 * RoBERTa: BERT's layers, trained longer and without its second task. Positions are counted from the row after that of
 * padding, `pad + 1`, so the table has that many rows more than the context.
 *
 * ```text
 * x = norm(embed[ids] + table[pad + 1 + i] + type)
 * h = norm(x + attention(x))      y = norm(h + down · gelu(up · h))
 * ```
 *
 * @see Liu et al. 2019, section 3, {@link https://arxiv.org/abs/1907.11692}
 */
export const roberta = /* @__PURE__ */ defineFamily({
  name: 'roberta',
  title: 'RoBERTa',
  paper: {
    title: 'RoBERTa: A Robustly Optimized BERT Pretraining Approach',
    authors: 'Liu et al.',
    year: 2019,
    arxiv: '1907.11692',
  },
  architectures: [
    'RobertaModel',
    'RobertaForMaskedLM',
    'RobertaForSequenceClassification',
    'RobertaForTokenClassification',
    'RobertaForQuestionAnswering',
  ],

  config(fields) {
    const sizes = bertSizes(fields);
    return { ...sizes, head: robertaHead(fields, 'Roberta', sizes), offset: firstRow(fields, sizes) };
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
