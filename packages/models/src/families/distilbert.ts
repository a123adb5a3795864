import { configure, multiHead } from '@headwise/attention-variants';
import { postNorm } from '../arrangements/post-norm.ts';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { allBiases, namedAsBert } from '../formats/bert-fields.ts';
import { activationOf } from '../formats/config-activation.ts';
import { headOf } from '../formats/config-heads.ts';
import { labelsOf } from '../formats/config-labels.ts';
import { createClassifier, createSpanFinder, createTokenClassifier } from '../heads/classifier.ts';
import { createMaskedLm } from '../heads/masked-lm.ts';
import { rectifier } from '../parts/activations.ts';
import { createMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';
import { firstOf } from '../weight-sources.ts';

/** That of every norm; files do not say it. */
const eps = 1e-12;

/**
 * DistilBERT: every second layer of BERT, taught by it, without segments and without a pooler.
 *
 * ```text
 * x = norm(embed[ids] + position)
 * h = norm(x + attention(x))      y = norm(h + down · gelu(up · h))
 * ```
 *
 * @see Sanh et al. 2019, section 3, {@link https://arxiv.org/abs/1910.01108}
 */
export const distilbert = /* @__PURE__ */ defineFamily({
  name: 'distilbert',
  title: 'DistilBERT',
  paper: {
    title: 'DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter',
    authors: 'Sanh et al.',
    year: 2019,
    arxiv: '1910.01108',
  },
  architectures: [
    'DistilBertModel',
    'DistilBertForMaskedLM',
    'DistilBertForSequenceClassification',
    'DistilBertForTokenClassification',
    'DistilBertForQuestionAnswering',
  ],

  config(fields) {
    const [E, H] = [fields.count('dim'), fields.count('n_heads')];
    if (E % H !== 0 && fields.sound('dim', 'n_heads'))
      fields.problems.push(`dim ${E} must be a multiple of n_heads ${H}`);
    const activation = activationOf(fields, 'activation', 'gelu');
    const tied = fields.flag('tie_word_embeddings', true);
    // sinusoidal rows stand in the file like learned ones
    fields.ignore('sinusoidal_pos_embds', 'tie_weights_', 'qa_dropout', 'seq_classif_dropout');
    fields.ignore('output_past', '_num_labels');
    return {
      shape: {
        V: fields.count('vocab_size'),
        E,
        H,
        D: Math.max(1, Math.floor(E / H)),
        layers: fields.layers('n_layers'),
        biases: allBiases,
      },
      F: fields.count('hidden_dim'),
      activation,
      rows: fields.count('max_position_embeddings'),
      tied,
      head: headOf(fields, {
        DistilBertModel: () => undefined,
        DistilBertForMaskedLM: () => createMaskedLm({ activation, norm: createLayerNorm({ eps }), tied }),
        DistilBertForSequenceClassification: () =>
          createClassifier({ labels: labelsOf(fields), activation: rectifier }),
        DistilBertForTokenClassification: () => createTokenClassifier({ labels: labelsOf(fields) }),
        DistilBertForQuestionAnswering: createSpanFinder,
      }),
    };
  },

  model({ shape, F, activation, rows, head }) {
    const norm = createLayerNorm({ eps });
    const attention = configure(multiHead, { causal: false });
    const blocks = block({ attention, mlp: createMlp({ F, activation }), norm, arrange: postNorm });
    const position = learnedPositions({ rows });
    return { kind: 'encoder', parts: { shape, blocks, position, embedNorm: norm, head, context: rows } };
  },

  weights({ head }) {
    const dense = head?.name === 'classifier' ? 'pre_classifier' : 'vocab_transform';
    const layer = 'distilbert.transformer.layer.*';
    return namedAsBert('distilbert', {
      embed: 'distilbert.embeddings.word_embeddings.weight',
      'position.table': 'distilbert.embeddings.position_embeddings.weight',
      'embedNorm.{weight,bias}': 'distilbert.embeddings.LayerNorm.{}',
      'layers.*.attention.{q,k,v}': `${layer}.attention.{}_lin.weight`,
      'layers.*.attention.{q,k,v}.bias': `${layer}.attention.{}_lin.bias`,
      'layers.*.attention.o': `${layer}.attention.out_lin.weight`,
      'layers.*.attention.o.bias': `${layer}.attention.out_lin.bias`,
      'layers.*.attentionNorm.{weight,bias}': `${layer}.sa_layer_norm.{}`,
      'layers.*.mlp.up': `${layer}.ffn.lin1.weight`,
      'layers.*.mlp.up.bias': `${layer}.ffn.lin1.bias`,
      'layers.*.mlp.down': `${layer}.ffn.lin2.weight`,
      'layers.*.mlp.down.bias': `${layer}.ffn.lin2.bias`,
      'layers.*.mlpNorm.{weight,bias}': `${layer}.output_layer_norm.{}`,
      'head.dense': `${dense}.weight`,
      'head.dense.bias': `${dense}.bias`,
      'head.norm.{weight,bias}': 'vocab_layer_norm.{}',
      'head.decoder': 'vocab_projector.weight',
      'head.bias': 'vocab_projector.bias',
      'head.out': firstOf('classifier.weight', 'qa_outputs.weight'),
      'head.out.bias': firstOf('classifier.bias', 'qa_outputs.bias'),
    });
  },
  copies: () => ({ 'vocab_projector.weight': 'distilbert.embeddings.word_embeddings.weight' }),
  unused: /embeddings\.position_ids$/,
});
