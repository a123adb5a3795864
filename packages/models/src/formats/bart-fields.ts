import { configure, crossAttention, multiHead } from '@headwise/attention-variants';
import { postNorm } from '../arrangements/post-norm.ts';
import { type Block, block } from '../block.ts';
import type { DecoderShape } from '../decoder.ts';
import type { Activation } from '../parts/activations.ts';
import { createMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { allBiases } from './bert-fields.ts';
import { activationOf } from './config-activation.ts';
import type { ConfigFields } from './config-fields.ts';

/** One half of a model in BART's words. */
export interface BartHalf {
  readonly shape: DecoderShape;
  readonly F: number;
}

/** What `config.json` says of the models that came after BART, in BART's words. */
export interface BartSizes {
  readonly encoder: BartHalf;
  readonly decoder: BartHalf;
  readonly activation: Activation;
  /** Of the embeddings: √E or 1. */
  readonly embedScale: number;
  /** Most positions. */
  readonly context: number;
  /** One table for both halves and the output. */
  readonly tied: boolean;
}

/** Sizes under BART's names, with a problem where they do not go together. */
export function bartSizes(fields: ConfigFields): BartSizes {
  const [E, V] = [fields.count('d_model'), fields.count('vocab_size')];
  const half = (name: string): BartHalf => {
    const H = fields.count(`${name}_attention_heads`);
    if (E % H !== 0 && fields.sound('d_model', `${name}_attention_heads`))
      fields.problems.push(`d_model ${E} must be a multiple of ${name}_attention_heads ${H}`);
    const layers = fields.layers(`${name}_layers`);
    const shape = { V, E, H, D: Math.max(1, Math.floor(E / H)), layers, biases: allBiases };
    return { shape, F: fields.count(`${name}_ffn_dim`) };
  };
  // how it was trained, and what older files say twice
  fields.ignore('encoder_layerdrop', 'decoder_layerdrop', 'init_std', 'classif_dropout', 'num_hidden_layers');
  fields.ignore('extra_pos_embeddings', 'num_labels', '_num_labels', 'output_past', 'save_step');
  fields.ignore('force_bos_token_to_be_generated');
  return {
    encoder: half('encoder'),
    decoder: half('decoder'),
    activation: activationOf(fields, 'activation_function', 'gelu'),
    embedScale: fields.flag('scale_embedding') ? Math.sqrt(E) : 1,
    context: fields.count('max_position_embeddings'),
    tied: fields.flag('tie_word_embeddings', true),
  };
}

/** Layers of the encoder and of the decoder: each sum is normalised, the decoder reads its source between the two parts. */
export function bartBlocks({
  encoder,
  decoder,
  activation,
}: BartSizes): Record<'encoder' | 'decoder', Block> {
  const common = { norm: createLayerNorm({ eps: 1e-5 }), arrange: postNorm };
  return {
    encoder: block({
      ...common,
      attention: configure(multiHead, { causal: false }),
      mlp: createMlp({ F: encoder.F, activation }),
    }),
    decoder: block({
      ...common,
      attention: configure(multiHead),
      cross: configure(crossAttention),
      mlp: createMlp({ F: decoder.F, activation }),
    }),
  };
}

/** Names of the layers of both halves in BART's words. Never throws. */
export function bartNames(): Readonly<Record<string, string>> {
  const half = (name: string): Record<string, string> => {
    const [ours, theirs] = [`${name}.layers.*`, `model.${name}.layers.*`];
    return {
      [`${ours}.attention.{q,k,v}`]: `${theirs}.self_attn.{}_proj.weight`,
      [`${ours}.attention.{q,k,v}.bias`]: `${theirs}.self_attn.{}_proj.bias`,
      [`${ours}.attention.o`]: `${theirs}.self_attn.out_proj.weight`,
      [`${ours}.attention.o.bias`]: `${theirs}.self_attn.out_proj.bias`,
      [`${ours}.attentionNorm.{weight,bias}`]: `${theirs}.self_attn_layer_norm.{}`,
      [`${ours}.cross.{q,k,v}`]: `${theirs}.encoder_attn.{}_proj.weight`,
      [`${ours}.cross.{q,k,v}.bias`]: `${theirs}.encoder_attn.{}_proj.bias`,
      [`${ours}.cross.o`]: `${theirs}.encoder_attn.out_proj.weight`,
      [`${ours}.cross.o.bias`]: `${theirs}.encoder_attn.out_proj.bias`,
      [`${ours}.crossNorm.{weight,bias}`]: `${theirs}.encoder_attn_layer_norm.{}`,
      [`${ours}.mlp.up`]: `${theirs}.fc1.weight`,
      [`${ours}.mlp.up.bias`]: `${theirs}.fc1.bias`,
      [`${ours}.mlp.down`]: `${theirs}.fc2.weight`,
      [`${ours}.mlp.down.bias`]: `${theirs}.fc2.bias`,
      [`${ours}.mlpNorm.{weight,bias}`]: `${theirs}.final_layer_norm.{}`,
    };
  };
  return { ...half('encoder'), ...half('decoder') };
}
