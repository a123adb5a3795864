import type { ConfigEncoding } from '@headwise/positional';
import { parallelOneNorm } from '../arrangements/parallel.ts';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { windowed, windowOf, windowsOf } from '../formats/config-window.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { named } from '../weight-sources.ts';

/**
 * Cohere 2 (Command R7B and A): attention and feed-forward side by side behind one LayerNorm without a bias; three
 * layers with rotary positions and a window, then one that sees everything and has no positions; scaled logits.
 *
 * ```text
 * y = x + attention(norm(x)) + down · (silu(gate · norm(x)) · (up · norm(x)))
 * logits = logit_scale · embed · norm(y)
 * ```
 *
 * @see Cohere 2025, "Command A: An Enterprise-Ready Large Language Model", section 2.1,
 * {@link https://arxiv.org/abs/2504.00698}
 */
export const cohere2 = /* @__PURE__ */ defineFamily({
  name: 'cohere2',
  title: 'Cohere 2',
  paper: {
    title: 'Command A: An Enterprise-Ready Large Language Model',
    authors: 'Cohere',
    year: 2025,
    arxiv: '2504.00698',
  },
  architectures: ['Cohere2ForCausalLM'],

  config(fields) {
    const { H, E, Hkv, D } = headSizes(fields);
    const layers = fields.count('num_hidden_layers');
    const every = fields.count('sliding_window_pattern', 4);
    const windows = windowsOf(fields, layers, windowOf(fields, 4096), (layer) => (layer + 1) % every !== 0);
    const positions = positionsOf(fields, 'rotary_pct', 'position_embedding_type');
    // the files of Command R7B say once more what the family is
    for (const yes of ['use_gated_activation', 'use_parallel_block', 'use_parallel_embedding'])
      fields.only(yes, true);
    fields.only('use_qk_norm', false);
    fields.only('order_of_interleaved_layers', 'local_attn_first');
    fields.only('layer_switch', every);
    fields.ignore('cache_implementation');
    const tied = fields.flag('tie_word_embeddings', true);
    fields.only('use_embedding_sharing', tied);
    return {
      shape: {
        V: fields.count('vocab_size'),
        E,
        H,
        D,
        layers,
        ...(fields.flag('attention_bias') && { biases: ['q', 'k', 'v', 'o'] }),
      },
      Hkv,
      windows,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      eps: fields.epsilon('layer_norm_eps', 1e-5),
      logitScale: fields.positive('logit_scale', 0.0625),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 8192),
      tied,
    };
  },

  model({ shape, Hkv, windows, F, activation, eps, logitScale, positions, context, tied }) {
    const norm = createLayerNorm({ eps, bias: false });
    const blocks = (layer: number) =>
      block({
        attention: windowed(Hkv, windows[layer]),
        position: positions[layer],
        norm,
        mlp: createGatedMlp({ F, activation }),
        arrange: parallelOneNorm,
      });
    return { kind: 'decoder', parts: { shape, blocks, norm, logitScale, tied, context } };
  },

  weights: () =>
    named({
      embed: 'model.embed_tokens.weight',
      'layers.*.norm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.{q,k,v,o}.bias': 'model.layers.*.self_attn.{}_proj.bias',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
