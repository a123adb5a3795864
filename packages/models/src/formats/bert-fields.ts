import { configure, multiHead } from '@headwise/attention-variants';
import { postNorm } from '../arrangements/post-norm.ts';
import { type Block, block } from '../block.ts';
import type { DecoderShape } from '../decoder.ts';
import type { Activation } from '../parts/activations.ts';
import { createMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { named, type WeightBuilder } from '../weight-sources.ts';
import { activationOf } from './config-activation.ts';
import type { ConfigFields } from './config-fields.ts';

/** Projections of attention, all with biases. */
export const allBiases = ['q', 'k', 'v', 'o'] as const;

/** What `config.json` says of the encoders that came after BERT, in BERT's words. */
export interface BertSizes {
  readonly shape: DecoderShape;
  readonly F: number;
  readonly activation: Activation;
  readonly eps: number;
  /** Rows of the table of positions. */
  readonly rows: number;
  readonly types: number;
  readonly tied: boolean;
}

/** Sizes under BERT's names, with a problem where they do not go together or ask for another model. */
export function bertSizes(fields: ConfigFields): BertSizes {
  const [E, H] = [fields.count('hidden_size'), fields.count('num_attention_heads')];
  if (E % H !== 0 && fields.sound('hidden_size', 'num_attention_heads'))
    fields.problems.push(`hidden_size ${E} must be a multiple of num_attention_heads ${H}`);
  fields.only('position_embedding_type', 'absolute');
  fields.only('is_decoder', false);
  fields.only('add_cross_attention', false);
  // how models were cut in two for training, and fields of BERT's first release that no model reads
  fields.ignore('gradient_checkpointing', 'pooler_fc_size', 'pooler_num_attention_heads', 'directionality');
  fields.ignore('pooler_num_fc_layers', 'pooler_size_per_head', 'pooler_type', 'output_past');
  // of a head that the file may not have: where it has one, that has read them
  fields.ignore('num_labels', '_num_labels');
  return {
    shape: {
      V: fields.count('vocab_size'),
      E,
      H,
      D: Math.max(1, Math.floor(E / H)),
      layers: fields.layers('num_hidden_layers'),
      biases: allBiases,
    },
    F: fields.count('intermediate_size'),
    activation: activationOf(fields, 'hidden_act', 'gelu'),
    eps: fields.epsilon('layer_norm_eps', 1e-12),
    rows: fields.count('max_position_embeddings'),
    types: fields.count('type_vocab_size', 2),
    tied: fields.flag('tie_word_embeddings', true),
  };
}

/** BERT's layer: multi-head attention that sees both ways and a plain feed-forward, each sum normalised. */
export function bertBlock({ F, activation, eps }: BertSizes): Block {
  return block({
    attention: configure(multiHead, { causal: false }),
    mlp: createMlp({ F, activation }),
    norm: createLayerNorm({ eps }),
    arrange: postNorm,
  });
}

/** Names of embeddings and layers in BERT's words, behind the name of the model in the file. */
export function bertNames(model: string): Readonly<Record<string, string>> {
  const layer = `${model}.encoder.layer.*`;
  return {
    embed: `${model}.embeddings.word_embeddings.weight`,
    'position.table': `${model}.embeddings.position_embeddings.weight`,
    types: `${model}.embeddings.token_type_embeddings.weight`,
    'embedNorm.{weight,bias}': `${model}.embeddings.LayerNorm.{}`,
    'layers.*.attention.q': `${layer}.attention.self.query.weight`,
    'layers.*.attention.k': `${layer}.attention.self.key.weight`,
    'layers.*.attention.v': `${layer}.attention.self.value.weight`,
    'layers.*.attention.o': `${layer}.attention.output.dense.weight`,
    'layers.*.attention.q.bias': `${layer}.attention.self.query.bias`,
    'layers.*.attention.k.bias': `${layer}.attention.self.key.bias`,
    'layers.*.attention.v.bias': `${layer}.attention.self.value.bias`,
    'layers.*.attention.o.bias': `${layer}.attention.output.dense.bias`,
    'layers.*.attentionNorm.{weight,bias}': `${layer}.attention.output.LayerNorm.{}`,
    'layers.*.mlp.up': `${layer}.intermediate.dense.weight`,
    'layers.*.mlp.up.bias': `${layer}.intermediate.dense.bias`,
    'layers.*.mlp.down': `${layer}.output.dense.weight`,
    'layers.*.mlp.down.bias': `${layer}.output.dense.bias`,
    'layers.*.mlpNorm.{weight,bias}': `${layer}.output.LayerNorm.{}`,
  };
}

/**
 * As `named`, for files that may lack the model's name at the front (those of the bare model do) and call the gains of
 * norms `gamma` and `beta` (those that were converted from TensorFlow do). Never throws.
 */
export function namedAsBert(model: string, names: Parameters<typeof named>[0]): WeightBuilder {
  const build = named(names);
  return (file, wanted) =>
    build((name) => {
      const bare = name.startsWith(`${model}.`) ? [name, name.slice(model.length + 1)] : [name];
      const old = bare.map((each) =>
        each.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
      );
      return file([...bare, ...old].find((each) => file(each).shape !== undefined) ?? name);
    }, wanted);
}
