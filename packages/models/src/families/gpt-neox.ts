import { configure, multiHead } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { parallel } from '../arrangements/parallel.ts';
import { preNorm } from '../arrangements/pre-norm.ts';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { type FileTensor, named, part, reshaped, type WeightSource } from '../weight-sources.ts';

/**
 * GPT-NeoX and Pythia: multi-head attention with rotary positions on a quarter of each head, beside the feed-forward
 * on one stream, each with a LayerNorm of its own.
 *
 * ```text
 * y = x + attention(norm₁(x)) + down · gelu(up · norm₂(x) + b) + b
 * y = h + mlp(norm₂(h)), h = x + attention(norm₁(x))                  use_parallel_residual: false
 * ```
 *
 * @see Black et al. 2022, "GPT-NeoX-20B: An Open-Source Autoregressive Language Model", section 2.1,
 * {@link https://arxiv.org/abs/2204.06745}
 */
export const gptNeox = /* @__PURE__ */ defineFamily({
  name: 'gpt_neox',
  title: 'GPT-NeoX',
  paper: {
    title: 'GPT-NeoX-20B: An Open-Source Autoregressive Language Model',
    authors: 'Black et al.',
    year: 2022,
    arxiv: '2204.06745',
  },
  architectures: ['GPTNeoXForCausalLM'],

  config(fields) {
    const { E, H, D } = headSizes(fields);
    if (fields.sound('num_attention_heads')) fields.only('num_key_value_heads', H);
    if (D * H !== E && fields.sound('hidden_size', 'num_attention_heads', 'head_dim'))
      fields.problems.push(`head_dim ${D} must be hidden_size ${E} / num_attention_heads ${H}`);
    const layers = fields.count('num_hidden_layers');
    const positions = positionsOf(fields, 'rotary_pct', 'rotary_emb_base');
    const biased = fields.flag('attention_bias', true);
    return {
      shape: {
        V: fields.count('vocab_size'),
        E,
        H,
        D,
        layers,
        ...(biased && { biases: ['q', 'k', 'v', 'o'] }),
      },
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'gelu'),
      eps: fields.epsilon('layer_norm_eps', 1e-5),
      arrange: fields.flag('use_parallel_residual', true) ? parallel : preNorm,
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 2048),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, F, activation, eps, arrange, positions, context, tied }) {
    const norm = createLayerNorm({ eps });
    const attention = configure(multiHead);
    const blocks = block({
      attention,
      position: positions[0],
      norm,
      mlp: createMlp({ F, activation }),
      arrange,
    });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights({ shape: { E, H, D } }) {
    // the rows of one head stand together: its queries, keys, values
    const ofHeads = (source: WeightSource, which: string, rest: readonly number[]): WeightSource =>
      reshaped(part(reshaped(source, [H, 3 * D, ...rest]), 1, 'qkv'.indexOf(which) * D, D), [E, ...rest]);
    const name = (layer: number, what: string): string =>
      `gpt_neox.layers.${layer}.attention.query_key_value.${what}`;
    return named({
      embed: 'gpt_neox.embed_in.weight',
      'layers.*.attentionNorm.{weight,bias}': 'gpt_neox.layers.*.input_layernorm.{}',
      'layers.*.attention.{q,k,v}': (file: FileTensor, layer, which) =>
        ofHeads(file(name(layer, 'weight')), which, [E]),
      'layers.*.attention.{q,k,v}.bias': (file: FileTensor, layer, which) =>
        ofHeads(file(name(layer, 'bias')), which, []),
      'layers.*.attention.o': 'gpt_neox.layers.*.attention.dense.weight',
      'layers.*.attention.o.bias': 'gpt_neox.layers.*.attention.dense.bias',
      'layers.*.mlpNorm.{weight,bias}': 'gpt_neox.layers.*.post_attention_layernorm.{}',
      'layers.*.mlp.up': 'gpt_neox.layers.*.mlp.dense_h_to_4h.weight',
      'layers.*.mlp.up.bias': 'gpt_neox.layers.*.mlp.dense_h_to_4h.bias',
      'layers.*.mlp.down': 'gpt_neox.layers.*.mlp.dense_4h_to_h.weight',
      'layers.*.mlp.down.bias': 'gpt_neox.layers.*.mlp.dense_4h_to_h.bias',
      'norm.{weight,bias}': 'gpt_neox.final_layer_norm.{}',
      head: 'embed_out.weight',
    });
  },
  stored: ({ shape: { E } }) => ({
    'gpt_neox.layers.*.attention.query_key_value.weight': [3 * E, E],
    'gpt_neox.layers.*.attention.query_key_value.bias': [3 * E],
  }),
  copies: () => ({ 'embed_out.weight': 'gpt_neox.embed_in.weight' }),
  unused: /\.attention\.(masked_)?bias$/,
});
