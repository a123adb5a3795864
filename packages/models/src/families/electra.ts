import { defineFamily } from '../family.ts';
import { bertBlock, bertNames, bertSizes, namedAsBert } from '../formats/bert-fields.ts';
import { headOf } from '../formats/config-heads.ts';
import { labelsOf } from '../formats/config-labels.ts';
import { createClassifier, createSpanFinder, createTokenClassifier } from '../heads/classifier.ts';
import { createMaskedLm } from '../heads/masked-lm.ts';
import { exactGelu } from '../parts/activations.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';
import { firstOf } from '../weight-sources.ts';

/**
 * ELECTRA: BERT's layers, trained to tell which tokens a small masked language model has put in place of others.
 * Embeddings may be narrower than the layers, and are projected to their width.
 *
 * ```text
 * x = project · norm(embed[ids] + position + segment)
 * h = norm(x + attention(x))      y = norm(h + down · gelu(up · h))
 * ```
 *
 * @see Clark et al. 2020, section 2, {@link https://arxiv.org/abs/2003.10555}
 */
export const electra = /* @__PURE__ */ defineFamily({
  name: 'electra',
  title: 'ELECTRA',
  paper: {
    title: 'ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators',
    authors: 'Clark et al.',
    year: 2020,
    arxiv: '2003.10555',
  },
  architectures: [
    'ElectraModel',
    'ElectraForPreTraining',
    'ElectraForMaskedLM',
    'ElectraForSequenceClassification',
    'ElectraForTokenClassification',
    'ElectraForQuestionAnswering',
  ],

  config(fields) {
    const sizes = bertSizes(fields);
    const { activation, eps, tied, shape } = sizes;
    const width = fields.count('embedding_size', 128);
    // of heads that choose among several texts
    fields.ignore('summary_type', 'summary_use_proj', 'summary_activation', 'summary_last_dropout');
    const discriminator = createTokenClassifier({ labels: ['REPLACED'], activation });
    const head = headOf(fields, {
      ElectraModel: () => undefined,
      ElectraForPreTraining: () => discriminator,
      ElectraForMaskedLM: () =>
        createMaskedLm({ activation: exactGelu, norm: createLayerNorm({ eps }), width, tied }),
      ElectraForSequenceClassification: () =>
        createClassifier({ labels: labelsOf(fields), activation: exactGelu }),
      ElectraForTokenClassification: () => createTokenClassifier({ labels: labelsOf(fields) }),
      ElectraForQuestionAnswering: createSpanFinder,
    });
    const embedWidth = width === shape.E ? undefined : width;
    return { ...sizes, embedWidth, head, discriminates: head === discriminator };
  },

  model: (config) => ({
    kind: 'encoder',
    parts: {
      shape: config.shape,
      blocks: bertBlock(config),
      position: learnedPositions({ rows: config.rows }),
      types: config.types,
      embedNorm: createLayerNorm({ eps: config.eps }),
      embedWidth: config.embedWidth,
      head: config.head,
      context: config.rows,
    },
  }),

  weights({ head, discriminates }) {
    const [dense, out] = {
      'masked-lm': ['generator_predictions.dense', ''],
      classifier: ['classifier.dense', 'classifier.out_proj'],
      // the discriminator has a projection before its output, a classifier of tokens has none
      'token-classifier': [
        'discriminator_predictions.dense',
        discriminates ? 'discriminator_predictions.dense_prediction' : 'classifier',
      ],
    }[head?.name ?? 'classifier']!;
    return namedAsBert('electra', {
      ...bertNames('electra'),
      embedProject: 'electra.embeddings_project.weight',
      'embedProject.bias': 'electra.embeddings_project.bias',
      'head.dense': `${dense}.weight`,
      'head.dense.bias': `${dense}.bias`,
      'head.norm.{weight,bias}': 'generator_predictions.LayerNorm.{}',
      'head.decoder': 'generator_lm_head.weight',
      'head.bias': 'generator_lm_head.bias',
      'head.out': firstOf(`${out}.weight`, 'qa_outputs.weight'),
      'head.out.bias': firstOf(`${out}.bias`, 'qa_outputs.bias'),
    });
  },
  copies: () => ({ 'generator_lm_head.weight': 'electra.embeddings.word_embeddings.weight' }),
  unused: /embeddings\.position_ids$/,
});
