import { configure, multiHead, slidingWindow } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { embedNormed } from '../arrangements/embed-normed.ts';
import { preNorm } from '../arrangements/pre-norm.ts';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { allBiases, namedAsBert } from '../formats/bert-fields.ts';
import { activationOf } from '../formats/config-activation.ts';
import { headOf } from '../formats/config-heads.ts';
import { labelsOf } from '../formats/config-labels.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createClassifier, createTokenClassifier } from '../heads/classifier.ts';
import { createMaskedLm } from '../heads/masked-lm.ts';
import { firstToken, meanOfTokens } from '../heads/pooling.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { part } from '../weight-sources.ts';

const [local, global] = ['sliding_attention', 'full_attention'] as const;

/**
 * ModernBERT: rotary positions, gated feed-forwards, norms before each part; two layers of three see a window of
 * `local_attention / 2` tokens to each side, with another base of the rotation than those that see all.
 *
 * ```text
 * x = norm(embed[ids])
 * h = x + attention(norm(x))      y = h + down · (gelu(gate · norm(h)) · (up · norm(h)))      first layer: attention(x)
 * ```
 *
 * @see Warner et al. 2024, section 2.1, {@link https://arxiv.org/abs/2412.13663}
 */
export const modernbert = /* @__PURE__ */ defineFamily({
  name: 'modernbert',
  title: 'ModernBERT',
  paper: {
    title: 'Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder',
    authors: 'Warner et al.',
    year: 2024,
    arxiv: '2412.13663',
  },
  architectures: [
    'ModernBertModel',
    'ModernBertForMaskedLM',
    'ModernBertForSequenceClassification',
    'ModernBertForTokenClassification',
    'ModernBertForQuestionAnswering',
  ],

  config(fields) {
    const { E, H, D } = headSizes(fields);
    const layers = fields.layers('num_hidden_layers');
    const every = fields.count('global_attn_every_n_layers', 3);
    const types =
      fields.each('layer_types', layers, [local, global]) ??
      Array.from({ length: layers }, (_, layer) => (layer % every === 0 ? global : local));
    const positions = positionsOf(fields, 'local_rope_theta', 'global_rope_theta');
    const norm = createLayerNorm({ eps: fields.epsilon('norm_eps', 1e-5), bias: fields.flag('norm_bias') });
    const activation = activationOf(fields, 'classifier_activation', 'gelu');
    const denseBias = fields.flag('classifier_bias');
    const pooling = fields.oneOf('classifier_pooling', { cls: firstToken, mean: meanOfTokens }, 'cls');
    const tied = fields.flag('tie_word_embeddings', true);
    const bias = fields.flag('decoder_bias', true);
    const inner = { activation, norm, denseBias };
    // how it was trained and run; and what files carry of BERT that no part of this model reads
    fields.ignore('embedding_dropout', 'mlp_dropout', 'initializer_cutoff_factor', 'sparse_prediction');
    fields.ignore('sparse_pred_ignore_index', 'deterministic_flash_attn', 'reference_compile');
    fields.ignore('repad_logits_with_grad', 'position_embedding_type', 'layer_norm_eps');
    fields.ignore('num_labels', '_num_labels');
    return {
      shape: {
        V: fields.count('vocab_size'),
        E,
        H,
        D,
        layers,
        ...(fields.flag('attention_bias') && { biases: allBiases }),
      },
      F: fields.count('intermediate_size'),
      mlpBias: fields.flag('mlp_bias'),
      mlpActivation: activationOf(fields, 'hidden_activation', 'gelu'),
      norm,
      types,
      window: Math.floor(fields.count('local_attention', 128) / 2),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions),
      head: headOf(fields, {
        ModernBertModel: () => undefined,
        ModernBertForMaskedLM: () => createMaskedLm({ ...inner, tied, bias }),
        ModernBertForSequenceClassification: () =>
          createClassifier({ ...inner, labels: labelsOf(fields), pooling }),
        ModernBertForTokenClassification: () => createTokenClassifier({ ...inner, labels: labelsOf(fields) }),
        ModernBertForQuestionAnswering: () => createTokenClassifier({ ...inner, labels: ['start', 'end'] }),
      }),
    };
  },

  model({ shape, F, mlpBias, mlpActivation, norm, types, window, positions, context, head }) {
    const sees = {
      [local]: configure(slidingWindow, { window, convention: 'attention-gym', causal: false }),
      [global]: configure(multiHead, { causal: false }),
    };
    const mlp = createGatedMlp({ F, bias: mlpBias, activation: mlpActivation });
    const blocks = types.map((type, layer) =>
      block({
        attention: sees[type],
        position: positions[layer],
        mlp,
        norm,
        arrange: layer === 0 ? embedNormed : preNorm,
      }),
    );
    return {
      kind: 'encoder',
      parts: { shape, blocks: (layer) => blocks[layer]!, embedNorm: norm, norm, head, context },
    };
  },

  weights: ({ shape: { H, D }, F }) =>
    namedAsBert('model', {
      embed: 'model.embeddings.tok_embeddings.weight',
      'embedNorm.{weight,bias}': 'model.embeddings.norm.{}',
      'layers.*.attentionNorm.{weight,bias}': 'model.layers.*.attn_norm.{}',
      'layers.*.attention.{q,k,v}': (file, layer, which) =>
        part(file(`model.layers.${layer}.attn.Wqkv.weight`), 0, 'qkv'.indexOf(which) * H * D, H * D),
      'layers.*.attention.{q,k,v}.bias': (file, layer, which) =>
        part(file(`model.layers.${layer}.attn.Wqkv.bias`), 0, 'qkv'.indexOf(which) * H * D, H * D),
      'layers.*.attention.o': 'model.layers.*.attn.Wo.weight',
      'layers.*.attention.o.bias': 'model.layers.*.attn.Wo.bias',
      'layers.*.mlpNorm.{weight,bias}': 'model.layers.*.mlp_norm.{}',
      'layers.*.mlp.gate': (file, layer) => part(file(`model.layers.${layer}.mlp.Wi.weight`), 0, 0, F),
      'layers.*.mlp.up': (file, layer) => part(file(`model.layers.${layer}.mlp.Wi.weight`), 0, F, F),
      'layers.*.mlp.gate.bias': (file, layer) => part(file(`model.layers.${layer}.mlp.Wi.bias`), 0, 0, F),
      'layers.*.mlp.up.bias': (file, layer) => part(file(`model.layers.${layer}.mlp.Wi.bias`), 0, F, F),
      'layers.*.mlp.down': 'model.layers.*.mlp.Wo.weight',
      'layers.*.mlp.down.bias': 'model.layers.*.mlp.Wo.bias',
      'norm.{weight,bias}': 'model.final_norm.{}',
      'head.dense': 'head.dense.weight',
      'head.dense.bias': 'head.dense.bias',
      'head.norm.{weight,bias}': 'head.norm.{}',
      'head.decoder': 'decoder.weight',
      'head.bias': 'decoder.bias',
      'head.out': 'classifier.weight',
      'head.out.bias': 'classifier.bias',
    }),
  stored: ({ shape: { E, H, D }, F }) => ({
    'model.layers.*.attn.Wqkv.weight': [3 * H * D, E],
    'model.layers.*.attn.Wqkv.bias': [3 * H * D],
    'model.layers.*.mlp.Wi.weight': [2 * F, E],
    'model.layers.*.mlp.Wi.bias': [2 * F],
  }),
  copies: () => ({ 'decoder.weight': 'model.embeddings.tok_embeddings.weight' }),
});
