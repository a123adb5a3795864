import { sinusoidal } from '@headwise/positional';
import { defineFamily } from '../family.ts';
import { bartBlocks, bartNames, bartSizes } from '../formats/bart-fields.ts';
import { named, reshaped } from '../weight-sources.ts';

/**
 * Marian (the OPUS-MT translators): the original Transformer, with sinusoidal positions whose sines stand before their
 * cosines, another activation, and a bias on the logits. Both languages share one table, or have one each.
 *
 * ```text
 * x = √E · embed[ids] + position
 * h = norm(x + attention(x))      decoder: h = norm(h + cross(h, source))      y = norm(h + down · silu(up · h))
 * logits = embed · y + bias
 * ```
 *
 * @see Junczys-Dowmunt et al. 2018, {@link https://arxiv.org/abs/1804.00344}; Tiedemann & Thottingal 2020, "OPUS-MT"
 */
export const marian = /* @__PURE__ */ defineFamily({
  name: 'marian',
  title: 'Marian',
  paper: {
    title: 'Marian: Fast Neural Machine Translation in C++',
    authors: 'Junczys-Dowmunt et al.',
    year: 2018,
    arxiv: '1804.00344',
  },
  architectures: ['MarianMTModel'],

  config(fields) {
    const sizes = bartSizes(fields);
    const shared = fields.flag('share_encoder_decoder_embeddings', true) && sizes.tied;
    const { V } = sizes.encoder.shape;
    const decoderV = fields.count('decoder_vocab_size', V);
    if (shared && decoderV !== V && fields.sound('decoder_vocab_size', 'vocab_size'))
      fields.problems.push(
        `decoder_vocab_size ${decoderV} must be vocab_size ${V}, where both halves share their embeddings`,
      );
    fields.only('add_bias_logits', false);
    fields.only('add_final_layer_norm', false);
    fields.only('normalize_before', false);
    fields.only('normalize_embedding', false);
    fields.only('static_position_embeddings', true);
    return { ...sizes, shared, decoderV };
  },

  model(config) {
    const { encoder, decoder, embedScale, context, shared, tied, decoderV } = config;
    const blocks = bartBlocks(config);
    const common = { position: sinusoidal({ layout: 'half' }), embedScale, context };
    return {
      kind: 'encoder-decoder',
      parts: {
        encoder: { ...common, shape: encoder.shape, blocks: blocks.encoder },
        decoder: {
          ...common,
          shape: { ...decoder.shape, V: decoderV },
          blocks: blocks.decoder,
          headBias: true,
          tied,
        },
        shared,
      },
    };
  },

  weights: ({ shared, decoderV }) =>
    named({
      'decoder.head': 'lm_head.weight',
      'encoder.embed': shared ? 'model.shared.weight' : 'model.encoder.embed_tokens.weight',
      'decoder.embed': 'model.decoder.embed_tokens.weight',
      ...bartNames(),
      'decoder.head.bias': (file) => reshaped(file('final_logits_bias'), [decoderV]),
    }),
  stored: ({ decoderV }) => ({ final_logits_bias: [1, decoderV] }),
  copies: ({ shared, tied }): Readonly<Record<string, string>> =>
    shared
      ? {
          'model.encoder.embed_tokens.weight': 'model.shared.weight',
          'model.decoder.embed_tokens.weight': 'model.shared.weight',
          'lm_head.weight': 'model.shared.weight',
        }
      : {
          ...(tied && { 'lm_head.weight': 'model.decoder.embed_tokens.weight' }),
        },
  // rows that follow from the config; a table that the two halves do not share
  unused: /embed_positions\.weight$|^model\.shared\.weight$/,
});
