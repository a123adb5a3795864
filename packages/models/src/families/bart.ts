import { defineFamily } from '../family.ts';
import { bartBlocks, bartNames, bartSizes } from '../formats/bart-fields.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';
import { named, reshaped } from '../weight-sources.ts';

/** The first rows of a table of positions, which no token stands at. */
const offset = 2;

/**
 * BART: the original Transformer's order of parts with gelu, learned positions and a norm on the embeddings; encoder
 * and decoder share one table with the output (or have their own), whose logits have a bias.
 *
 * ```text
 * x = norm(embed[ids] + table[i + 2])
 * h = norm(x + attention(x))      decoder: h = norm(h + cross(h, source))      y = norm(h + down · gelu(up · h))
 * logits = embed · y + bias
 * ```
 *
 * @see Lewis et al. 2019, section 2.1, {@link https://arxiv.org/abs/1910.13461}
 */
export const bart = /* @__PURE__ */ defineFamily({
  name: 'bart',
  title: 'BART',
  paper: {
    title: 'BART: Denoising Sequence-to-Sequence Pre-training for Natural Language Generation',
    authors: 'Lewis et al.',
    year: 2019,
    arxiv: '1910.13461',
  },
  architectures: ['BartForConditionalGeneration'],

  config(fields) {
    // other models that files of the first years name so: none of them differs where these have their usual values
    fields.only('add_bias_logits', false);
    fields.only('add_final_layer_norm', false);
    fields.only('normalize_before', false);
    fields.only('normalize_embedding', true);
    fields.only('static_position_embeddings', false);
    return bartSizes(fields);
  },

  model(config) {
    const { encoder, decoder, embedScale, context, tied } = config;
    const blocks = bartBlocks(config);
    const common = {
      position: learnedPositions({ rows: context + offset, offset }),
      embedScale,
      embedNorm: createLayerNorm({ eps: 1e-5 }),
      context,
    };
    return {
      kind: 'encoder-decoder',
      parts: {
        encoder: { ...common, shape: encoder.shape, blocks: blocks.encoder },
        decoder: { ...common, shape: decoder.shape, blocks: blocks.decoder, headBias: true, tied },
        shared: tied,
      },
    };
  },

  weights: ({ encoder: { shape }, tied }) =>
    named({
      'encoder.embed': tied ? 'model.shared.weight' : 'model.encoder.embed_tokens.weight',
      'decoder.embed': 'model.decoder.embed_tokens.weight',
      'decoder.head': 'lm_head.weight',
      ...bartNames(),
      'encoder.position.table': 'model.encoder.embed_positions.weight',
      'decoder.position.table': 'model.decoder.embed_positions.weight',
      'encoder.embedNorm.{weight,bias}': 'model.encoder.layernorm_embedding.{}',
      'decoder.embedNorm.{weight,bias}': 'model.decoder.layernorm_embedding.{}',
      'decoder.head.bias': (file) => reshaped(file('final_logits_bias'), [shape.V]),
    }),
  stored: ({ decoder }) => ({ final_logits_bias: [1, decoder.shape.V] }),
  copies: ({ tied }): Readonly<Record<string, string>> =>
    tied
      ? {
          'model.encoder.embed_tokens.weight': 'model.shared.weight',
          'model.decoder.embed_tokens.weight': 'model.shared.weight',
          'lm_head.weight': 'model.shared.weight',
        }
      : {},
  // of an untied model nobody reads the table that the others are made from
  unused: /^model\.shared\.weight$/,
});
