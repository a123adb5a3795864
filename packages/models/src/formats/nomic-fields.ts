import type { ConfigEncoding } from '@headwise/positional';
import type { DecoderShape } from '../decoder.ts';
import { type Activation, swish } from '../parts/activations.ts';
import { activationOf } from './config-activation.ts';
import { ConfigFields } from './config-fields.ts';
import { contextOf, positionsOf } from './config-positions.ts';

/** What `config.json` says of nomic-bert. */
export interface NomicSizes {
  readonly shape: DecoderShape;
  readonly F: number;
  readonly activation: Activation;
  readonly eps: number;
  readonly types: number;
  readonly positions: readonly ConfigEncoding[];
  readonly context: number;
  readonly tied: boolean;
}

/** The words of both: of its authors, who took GPT-2's, and of transformers 5, which has BERT's. */
const words = {
  authors: { E: 'n_embd', H: 'n_head', F: 'n_inner', layers: 'n_layer', eps: 'layer_norm_epsilon' },
  transformers: {
    E: 'hidden_size',
    H: 'num_attention_heads',
    F: 'intermediate_size',
    layers: 'num_hidden_layers',
    eps: 'layer_norm_eps',
  },
} as const;

/** Sizes in either words, with a problem where they do not go together or ask for another model. */
export function nomicSizes(fields: ConfigFields): NomicSizes {
  const dialect = fields.has('n_embd') ? 'authors' : 'transformers';
  const word = words[dialect];
  const [E, H] = [fields.count(word.E), fields.count(word.H)];
  if (E % H !== 0 && fields.sound(word.E, word.H))
    fields.problems.push(`${word.E} ${E} must be a multiple of ${word.H} ${H}`);
  const layers = fields.layers(word.layers);
  fields.ignore('num_labels', '_num_labels');
  const D = Math.max(1, Math.floor(E / H));
  return {
    shape: { V: fields.count('vocab_size'), E, H, D, layers },
    F: fields.count(word.F),
    eps: fields.epsilon(word.eps, 1e-12),
    types: fields.count('type_vocab_size', 2),
    tied: fields.flag('tie_word_embeddings', true),
    ...(dialect === 'authors' ? ofAuthors(fields, { E, H, layers }) : ofTransformers(fields, D)),
  };
}

function ofTransformers(fields: ConfigFields, D: number) {
  fields.only('head_dim', D);
  const positions = positionsOf(fields);
  return {
    activation: activationOf(fields, 'hidden_act', 'silu'),
    positions: positions as readonly ConfigEncoding[],
    context: contextOf(fields, positions),
  };
}

function ofAuthors(fields: ConfigFields, { E, H, layers }: { E: number; H: number; layers: number }) {
  fields.only('activation_function', 'swiglu');
  // switches to other models of the code that it was trained with
  for (const key of ['qkv_proj_bias', 'mlp_fc1_bias', 'mlp_fc2_bias', 'prenorm', 'parallel_block', 'causal'])
    fields.only(key, false);
  for (const key of ['use_rms_norm', 'rotary_emb_interleaved', 'scale_attn_by_inverse_layer_idx'])
    fields.only(key, false);
  fields.only('scale_attn_weights', true);
  fields.only('rotary_emb_fraction', 1);
  fields.only('rotary_emb_scale_base', null);
  fields.only('rotary_scaling_factor', null);
  // how it was trained and run
  fields.ignore('dense_seq_output', 'fused_bias_fc', 'fused_dropout_add_ln', 'max_trained_positions');
  fields.ignore('pad_vocab_size_multiple', 'parallel_block_tied_norm', 'reorder_and_upcast_attn');
  fields.ignore('use_flash_attn', 'use_xentropy', 'last_layer_subset', 'summary_activation');
  fields.ignore('summary_first_dropout', 'summary_proj_to_labels', 'summary_type', 'summary_use_proj');
  const rope_theta = fields.positive('rotary_emb_base', 10_000);
  const sizes = { hidden_size: E, num_attention_heads: H, num_hidden_layers: layers };
  const turning = new ConfigFields({ model_type: 'nomic_bert', ...sizes, rope_theta });
  const positions = positionsOf(turning);
  fields.problems.push(...turning.problems);
  return {
    activation: swish,
    positions: positions as readonly ConfigEncoding[],
    context: fields.count('n_positions'),
  };
}
