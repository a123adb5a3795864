import { configure, crossAttention, multiHead } from '@headwise/attention-variants';
import { sinusoidal } from '@headwise/positional';
import { postNorm } from '../arrangements/post-norm.ts';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { createReluMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';

/**
 * The Transformer of "Attention Is All You Need": sums are normalised, positions are sinusoidal, one table serves both
 * halves and the output and is scaled by √E where it embeds; projections have no biases, the feed-forward has.
 *
 * ```text
 * x = √E · embed[ids] + position
 * h = norm(x + attention(x))      decoder: h = norm(h + cross(h, source))      y = norm(h + down · max(up · h, 0))
 * logits = embed · y
 * ```
 *
 * It has no files of its own, so these are ours. `config.json`: `model_type: "transformer"`, `vocab_size`,
 * `hidden_size`, `num_attention_heads`, `intermediate_size`, `encoder_layers`, `decoder_layers`, and if they differ
 * from the paper's: `head_dim` (default hidden_size / num_attention_heads), `layer_norm_eps` (default 1e-6),
 * `max_position_embeddings` (default no bound). Tensors by the names of the parts: `encoder.embed`,
 * `encoder.layers.0.attention.q`, `decoder.layers.0.cross.k`, `decoder.layers.0.mlpNorm.weight`.
 *
 * @see Vaswani et al. 2017, section 3, {@link https://arxiv.org/abs/1706.03762}
 */
export const transformer = /* @__PURE__ */ defineFamily({
  name: 'transformer',
  title: 'Transformer',
  paper: {
    title: 'Attention Is All You Need',
    authors: 'Vaswani et al.',
    year: 2017,
    arxiv: '1706.03762',
  },
  architectures: ['Transformer'],

  config(fields) {
    const [E, H] = [fields.count('hidden_size'), fields.count('num_attention_heads')];
    const D = fields.count('head_dim', Math.max(1, Math.floor(E / H)));
    if (!fields.has('head_dim') && E % H !== 0 && fields.sound('hidden_size', 'num_attention_heads'))
      fields.problems.push(
        `hidden_size ${E} must be a multiple of num_attention_heads ${H}, where there is no head_dim`,
      );
    if (E % 2 !== 0 && fields.sound('hidden_size'))
      fields.problems.push(`hidden_size ${E} must be even, since positions are sines and cosines`);
    return {
      shape: { V: fields.count('vocab_size'), E, H, D },
      F: fields.count('intermediate_size'),
      encoderLayers: fields.layers('encoder_layers'),
      decoderLayers: fields.layers('decoder_layers'),
      eps: fields.epsilon('layer_norm_eps', 1e-6),
      context: fields.optionalCount('max_position_embeddings'),
    };
  },

  model({ shape, F, encoderLayers, decoderLayers, eps, context }) {
    const common = { norm: createLayerNorm({ eps }), mlp: createReluMlp({ F }), arrange: postNorm };
    const outer = { position: sinusoidal(), embedScale: Math.sqrt(shape.E), context };
    return {
      kind: 'encoder-decoder',
      parts: {
        encoder: {
          ...outer,
          shape: { ...shape, layers: encoderLayers },
          blocks: block({ ...common, attention: configure(multiHead, { causal: false }) }),
        },
        decoder: {
          ...outer,
          shape: { ...shape, layers: decoderLayers },
          blocks: block({
            ...common,
            attention: configure(multiHead),
            cross: configure(crossAttention),
          }),
        },
      },
    };
  },

  weights: () => (file, wanted) => Object.fromEntries(Object.keys(wanted).map((name) => [name, file(name)])),
});
