import { configure, multiHead } from '@headwise/attention-variants';
import { postNorm } from '../arrangements/post-norm.ts';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { namedAsBert } from '../formats/bert-fields.ts';
import { headOf } from '../formats/config-heads.ts';
import { labelsOf } from '../formats/config-labels.ts';
import { nomicSizes } from '../formats/nomic-fields.ts';
import { createClassifier, createTokenClassifier } from '../heads/classifier.ts';
import { createMaskedLm } from '../heads/masked-lm.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { part } from '../weight-sources.ts';

/**
 * nomic-bert: BERT with rotary positions, gated feed-forwards and no biases in its layers, for texts of 2048 tokens and
 * more; nomic-embed-text is a file of it.
 *
 * ```text
 * x = norm(embed[ids] + segment)
 * h = norm(x + attention(x))      y = norm(h + down · (silu(gate · h) · (up · h)))
 * ```
 *
 * @see Nussbaum et al. 2024, section 4.1, {@link https://arxiv.org/abs/2402.01613}
 */
export const nomicBert = /* @__PURE__ */ defineFamily({
  name: 'nomic_bert',
  title: 'nomic-bert',
  paper: {
    title: 'Nomic Embed: Training a Reproducible Long Context Text Embedder',
    authors: 'Nussbaum et al.',
    year: 2024,
    arxiv: '2402.01613',
  },
  architectures: [
    'NomicBertModel',
    'NomicBertForMaskedLM',
    'NomicBertForSequenceClassification',
    'NomicBertForTokenClassification',
  ],

  config(fields) {
    const sizes = nomicSizes(fields);
    const { activation, eps, tied } = sizes;
    const head = headOf(fields, {
      NomicBertModel: () => undefined,
      NomicBertForMaskedLM: () => createMaskedLm({ activation, norm: createLayerNorm({ eps }), tied }),
      NomicBertForSequenceClassification: () => createClassifier({ labels: labelsOf(fields) }),
      NomicBertForTokenClassification: () => createTokenClassifier({ labels: labelsOf(fields) }),
    });
    return { ...sizes, head };
  },

  model({ shape, F, activation, eps, types, positions, context, head }) {
    const norm = createLayerNorm({ eps });
    const common = {
      attention: configure(multiHead, { causal: false }),
      mlp: createGatedMlp({ F, activation }),
      norm,
      arrange: postNorm,
    };
    const blocks = positions.map((position) => block({ ...common, position }));
    return {
      kind: 'encoder',
      parts: { shape, blocks: (layer) => blocks[layer]!, types, embedNorm: norm, head, context },
    };
  },

  weights({ shape: { H, D }, tied, head }) {
    const dense = head?.name === 'masked-lm' ? 'cls.predictions.transform.dense' : 'nomic_bert.pooler.dense';
    const layers = 'nomic_bert.encoder.layers.*';
    return namedAsBert('nomic_bert', {
      embed: 'nomic_bert.embeddings.word_embeddings.weight',
      types: 'nomic_bert.embeddings.token_type_embeddings.weight',
      'embedNorm.{weight,bias}': 'nomic_bert.emb_ln.{}',
      'layers.*.attention.{q,k,v}': (file, layer, which) =>
        part(
          file(`nomic_bert.encoder.layers.${layer}.attn.Wqkv.weight`),
          0,
          'qkv'.indexOf(which) * H * D,
          H * D,
        ),
      'layers.*.attention.o': `${layers}.attn.out_proj.weight`,
      'layers.*.attentionNorm.{weight,bias}': `${layers}.norm1.{}`,
      'layers.*.mlp.gate': `${layers}.mlp.fc12.weight`,
      'layers.*.mlp.up': `${layers}.mlp.fc11.weight`,
      'layers.*.mlp.down': `${layers}.mlp.fc2.weight`,
      'layers.*.mlpNorm.{weight,bias}': `${layers}.norm2.{}`,
      'head.dense': `${dense}.weight`,
      'head.dense.bias': `${dense}.bias`,
      'head.norm.{weight,bias}': 'cls.predictions.transform.layer_norm.{}',
      'head.decoder': 'cls.predictions.decoder.weight',
      'head.bias': tied ? 'cls.predictions.bias' : 'cls.predictions.decoder.bias',
      'head.out': 'classifier.weight',
      'head.out.bias': 'classifier.bias',
    });
  },
  stored: ({ shape: { E, H, D } }) => ({
    'nomic_bert.encoder.layers.*.attn.Wqkv.weight': [3 * H * D, E],
  }),
  copies: () => ({
    'cls.predictions.decoder.weight': 'nomic_bert.embeddings.word_embeddings.weight',
    'cls.predictions.decoder.bias': 'cls.predictions.bias',
  }),
  // a bias that an untied head does not read
  unused: /^cls\.predictions\.bias$/,
});
