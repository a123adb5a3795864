import { defineFamily } from '../family.ts';
import { bertBlock, bertNames, bertSizes, namedAsBert } from '../formats/bert-fields.ts';
import { headOf } from '../formats/config-heads.ts';
import { labelsOf } from '../formats/config-labels.ts';
import {
  createClassifier,
  createPooler,
  createSpanFinder,
  createTokenClassifier,
} from '../heads/classifier.ts';
import { createMaskedLm } from '../heads/masked-lm.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';
import { firstOf } from '../weight-sources.ts';

/**
 * BERT: an encoder of learned positions and segments whose layers normalise each sum. MiniLM and most encoders of
 * sentences are files of this family.
 *
 * ```text
 * x = norm(embed[ids] + position + segment)
 * h = norm(x + attention(x))      y = norm(h + down · gelu(up · h))
 * ```
 *
 * @see Devlin et al. 2018, section 3, {@link https://arxiv.org/abs/1810.04805}; Wang et al. 2020, "MiniLM"
 */
export const bert = /* @__PURE__ */ defineFamily({
  name: 'bert',
  title: 'BERT',
  paper: {
    title: 'BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding',
    authors: 'Devlin et al.',
    year: 2018,
    arxiv: '1810.04805',
  },
  architectures: [
    'BertModel',
    'BertForMaskedLM',
    'BertForPreTraining',
    'BertForSequenceClassification',
    'BertForTokenClassification',
    'BertForQuestionAnswering',
  ],

  config(fields) {
    const sizes = bertSizes(fields);
    const { activation, eps, tied } = sizes;
    const maskedLm = () => createMaskedLm({ activation, norm: createLayerNorm({ eps }), tied });
    const head = headOf(fields, {
      BertModel: createPooler,
      BertForMaskedLM: maskedLm,
      BertForPreTraining: maskedLm,
      BertForSequenceClassification: () => createClassifier({ labels: labelsOf(fields) }),
      BertForTokenClassification: () => createTokenClassifier({ labels: labelsOf(fields) }),
      BertForQuestionAnswering: createSpanFinder,
    });
    return { ...sizes, head };
  },

  model: (config) => ({
    kind: 'encoder',
    parts: {
      shape: config.shape,
      blocks: bertBlock(config),
      position: learnedPositions({ rows: config.rows }),
      types: config.types,
      embedNorm: createLayerNorm({ eps: config.eps }),
      head: config.head,
      context: config.rows,
    },
  }),

  weights: ({ tied, head }) => {
    const dense = head?.name === 'masked-lm' ? 'cls.predictions.transform.dense' : 'bert.pooler.dense';
    return namedAsBert('bert', {
      ...bertNames('bert'),
      'head.dense': `${dense}.weight`,
      'head.dense.bias': `${dense}.bias`,
      'head.norm.{weight,bias}': 'cls.predictions.transform.LayerNorm.{}',
      'head.decoder': 'cls.predictions.decoder.weight',
      'head.bias': tied ? 'cls.predictions.bias' : 'cls.predictions.decoder.bias',
      'head.out': firstOf('classifier.weight', 'qa_outputs.weight'),
      'head.out.bias': firstOf('classifier.bias', 'qa_outputs.bias'),
    });
  },
  copies: () => ({
    'cls.predictions.decoder.weight': 'bert.embeddings.word_embeddings.weight',
    'cls.predictions.decoder.bias': 'cls.predictions.bias',
  }),
  // what the second task of pre-training had, a bias that an untied head does not read, a buffer that counts
  unused: /^(bert\.)?pooler\.|^cls\.seq_relationship\.|^cls\.predictions\.bias$|embeddings\.position_ids$/,
});
