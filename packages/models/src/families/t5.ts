import { configure, crossAttention, multiHead } from '@headwise/attention-variants';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationNames } from '../formats/config-activation.ts';
import type { ConfigFields } from '../formats/config-fields.ts';
import { tanhGelu } from '../parts/activations.ts';
import { createGatedMlp, createMlp, type Mlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { bucketPositions } from '../parts/trained-position.ts';
import { named } from '../weight-sources.ts';

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
    const layers = fields.layers('num_layers');
    // version 1.0 scales what its tied head reads; 4.x says so by the tie, 5.x in a field of its own
    const tied = fields.flag('tie_word_embeddings', true);
    const scaled = fields.flag('scale_decoder_outputs', tied);
    // how it was trained; what follows from feed_forward_proj; a length that no part of the model knows
    fields.ignore('dropout_rate', 'dense_act_fn', 'n_positions', 'output_past');
    fields.ignore('num_labels', '_num_labels');
    return {
      shape: {
        V: fields.count('vocab_size'),
        E: fields.count('d_model'),
        H: fields.count('num_heads'),
        D: fields.count('d_kv', 64),
      },
      layers,
      decoderLayers: fields.layers('num_decoder_layers', layers),
      mlp: mlpOf(fields),
      eps: fields.epsilon('layer_norm_epsilon', 1e-6),
      buckets: fields.count('relative_attention_num_buckets', 32),
      maxDistance: fields.count('relative_attention_max_distance', 128),
      scaled,
    };
  },

  model({ shape, layers, decoderLayers, mlp, eps, buckets, maxDistance, scaled }) {
    const norm = createRmsNorm({ eps });
    const scale = 1;
    return {
      kind: 'encoder-decoder',
      parts: {
        encoder: {
          shape: { ...shape, layers },
          blocks: block({
            attention: configure(multiHead, { causal: false, scale }),
            position: bucketPositions({ buckets, maxDistance, bidirectional: true }),
            mlp,
            norm,
          }),
          norm,
        },
        decoder: {
          shape: { ...shape, layers: decoderLayers },
          blocks: block({
            attention: configure(multiHead, { scale }),
            position: bucketPositions({ buckets, maxDistance }),
            cross: configure(crossAttention, { scale }),
            mlp,
            norm,
          }),
          norm,
          tied: scaled,
          logitScale: scaled ? 1 / Math.sqrt(shape.E) : 1,
        },
      },
    };
  },

  weights({ mlp, shape }) {
    const up = 'gate' in mlp.parameters(shape.E) ? 'wi_1' : 'wi';
    const half = (name: string, place: number): Parameters<typeof named>[0] => {
      const layer = `${name}.block.*.layer`;
      return {
        [`${name}.layers.*.attentionNorm.weight`]: `${layer}.0.layer_norm.weight`,
        [`${name}.layers.*.attention.{q,k,v,o}`]: `${layer}.0.SelfAttention.{}.weight`,
        [`${name}.layers.*.attention.position.table`]: `${name}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`,
        [`${name}.layers.*.mlpNorm.weight`]: `${layer}.${place}.layer_norm.weight`,
        [`${name}.layers.*.mlp.up`]: `${layer}.${place}.DenseReluDense.${up}.weight`,
        [`${name}.layers.*.mlp.gate`]: `${layer}.${place}.DenseReluDense.wi_0.weight`,
        [`${name}.layers.*.mlp.down`]: `${layer}.${place}.DenseReluDense.wo.weight`,
        [`${name}.norm.weight`]: `${name}.final_layer_norm.weight`,
      };
    };
    return named({
      'encoder.embed': 'shared.weight',
      ...half('encoder', 1),
      ...half('decoder', 2),
      'decoder.layers.*.crossNorm.weight': 'decoder.block.*.layer.1.layer_norm.weight',
      'decoder.layers.*.cross.{q,k,v,o}': 'decoder.block.*.layer.1.EncDecAttention.{}.weight',
      // tied all the same: then it is not in the file
      'decoder.head': (file) =>
        file('lm_head.weight').shape ? file('lm_head.weight') : file('shared.weight'),
    });
  },
  copies: () => ({
    'lm_head.weight': 'shared.weight',
    'encoder.embed_tokens.weight': 'shared.weight',
    'decoder.embed_tokens.weight': 'shared.weight',
  }),
  // the decoder reads its source without a bias, though the first files have one
  unused: /EncDecAttention\.relative_attention_bias\.weight$/,
});

/** `relu`, or `gated-gelu`: by which the files of v1.1 mean the tanh form. */
function mlpOf(fields: ConfigFields): Mlp {
  const F = fields.count('d_ff');
  const plain = Object.entries(activationNames).map(
    ([name, activation]) => [name, createMlp({ F, bias: false, activation })] as const,
  );
  const gated = Object.entries(activationNames).map(
    ([name, activation]) =>
      [`gated-${name}`, createGatedMlp({ F, activation: name === 'gelu' ? tanhGelu : activation })] as const,
  );
  const isGated = String(fields.get('feed_forward_proj') ?? 'relu').startsWith('gated-');
  fields.only('is_gated_act', isGated);
  return fields.oneOf('feed_forward_proj', Object.fromEntries([...plain, ...gated]), 'relu');
}
