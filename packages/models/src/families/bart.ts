import { defineFamily } from '../family.ts';
import { bartBlocks, bartNames, bartSizes } from '../formats/bart-fields.ts';
import { headOf } from '../formats/config-heads.ts';
import { labelsOf } from '../formats/config-labels.ts';
import { createClassifier, createSpanFinder } from '../heads/classifier.ts';
import { lastToken } from '../heads/pooling.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';
import { firstOf, named, reshaped } from '../weight-sources.ts';

/** The first rows of a table of positions, which no token stands at. */
const offset = 2;

/**
 * BART: the original Transformer's order of parts with gelu, learned positions and a norm on the embeddings; encoder
 * and decoder share one table with the output (or have their own), whose logits have a bias. To classify a text or find
 * an answer in it, the decoder reads it as well, and its last layer has a head.
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
  architectures: [
    'BartForConditionalGeneration',
    'BartForSequenceClassification',
    'BartForQuestionAnswering',
  ],

  config(fields) {
    // other models that files of the first years name so: none of them differs where these have their usual values
    fields.only('add_bias_logits', false);
    fields.only('add_final_layer_norm', false);
    fields.only('normalize_before', false);
    fields.only('normalize_embedding', true);
    fields.only('static_position_embeddings', false);
    const sizes = bartSizes(fields);
    const head = headOf(fields, {
      BartForConditionalGeneration: () => undefined,
      BartForSequenceClassification: () =>
        createClassifier({ labels: labelsOf(fields, 3), pooling: lastToken }),
      BartForQuestionAnswering: createSpanFinder,
    });
    const id = (key: string): number => fields.ids(key, sizes.encoder.shape.V)[0] ?? 2;
    const reader = head && { head, start: id('decoder_start_token_id'), end: id('eos_token_id') };
    return { ...sizes, reader };
  },

  model(config) {
    const { encoder, decoder, embedScale, context, tied, reader } = config;
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
        decoder: {
          ...common,
          shape: decoder.shape,
          blocks: blocks.decoder,
          // with a head of its own it writes nothing
          headBias: !reader,
          tied: tied || reader !== undefined,
        },
        shared: tied,
        reader,
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
      'head.dense': 'classification_head.dense.weight',
      'head.dense.bias': 'classification_head.dense.bias',
      'head.out': firstOf('classification_head.out_proj.weight', 'qa_outputs.weight'),
      'head.out.bias': firstOf('classification_head.out_proj.bias', 'qa_outputs.bias'),
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
