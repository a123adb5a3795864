import { defineFamily } from '../family.ts';
import { bertBlock, bertNames, bertSizes, namedAsBert } from '../formats/bert-fields.ts';
import { headOf } from '../formats/config-heads.ts';
import { labelsOf } from '../formats/config-labels.ts';
import { createClassifier, createPooler, createTokenClassifier } from '../heads/classifier.ts';
import { createMaskedLm } from '../heads/masked-lm.ts';
import { exactGelu } from '../parts/activations.ts';
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
  ],

  config(fields) {
    const sizes = bertSizes(fields);
    const { eps, tied, shape } = sizes;
    const head = headOf(fields, {
      RobertaModel: createPooler,
      RobertaForMaskedLM: () =>
        createMaskedLm({ activation: exactGelu, norm: createLayerNorm({ eps }), tied }),
      RobertaForSequenceClassification: () => createClassifier({ labels: labelsOf(fields) }),
      RobertaForTokenClassification: () => createTokenClassifier({ labels: labelsOf(fields) }),
    });
    const offset = (fields.has('pad_token_id') ? (fields.ids('pad_token_id', shape.V)[0] ?? 1) : 1) + 1;
    if (offset >= sizes.rows)
      fields.problems.push(
        `max_position_embeddings ${sizes.rows} must be more than ${offset}, the row of the first token`,
      );
    return { ...sizes, offset, head };
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

  weights({ tied, head }) {
    const dense = {
      'masked-lm': 'lm_head.dense',
      classifier: 'classifier.dense',
      pooler: 'roberta.pooler.dense',
    }[head?.name ?? 'pooler'];
    const out = head?.name === 'classifier' ? 'classifier.out_proj' : 'classifier';
    return namedAsBert('roberta', {
      ...bertNames('roberta'),
      'head.dense': `${dense}.weight`,
      'head.dense.bias': `${dense}.bias`,
      'head.norm.{weight,bias}': 'lm_head.layer_norm.{}',
      'head.decoder': 'lm_head.decoder.weight',
      'head.bias': tied ? 'lm_head.bias' : 'lm_head.decoder.bias',
      'head.out': `${out}.weight`,
      'head.out.bias': `${out}.bias`,
    });
  },
  copies: () => ({
    'lm_head.decoder.weight': 'roberta.embeddings.word_embeddings.weight',
    'lm_head.decoder.bias': 'lm_head.bias',
  }),
  // a pooler that the head does not read, a bias that an untied head does not read, a buffer that counts
  unused: /^(roberta\.)?pooler\.|^lm_head\.bias$|embeddings\.position_ids$/,
});
