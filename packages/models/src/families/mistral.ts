import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { FULL, SLIDING, windowed, windowOf } from '../formats/config-window.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { named } from '../weight-sources.ts';

/**
 * Mistral: grouped-query attention over the last W tokens in every layer, whose cache is a ring; rotary positions,
 * RMSNorm before each part, SwiGLU.
 *
 * ```text
 * seen: 0 ≤ p_q − p_k < W
 * h = x + attention(norm(x))      y = h + down · (silu(gate · norm(h)) · (up · norm(h)))
 * ```
 *
 * @see Jiang et al. 2023, "Mistral 7B", section 2, {@link https://arxiv.org/abs/2310.06825}
 */
export const mistral = /* @__PURE__ */ defineFamily({
  name: 'mistral',
  title: 'Mistral',
  paper: { title: 'Mistral 7B', authors: 'Jiang et al.', year: 2023, arxiv: '2310.06825' },
  architectures: ['MistralForCausalLM'],

  config(fields) {
    const { H, E, Hkv, D } = headSizes(fields, { Hkv: 8 });
    const layers = fields.count('num_hidden_layers');
    const window = windowOf(fields, 4096);
    // all layers are alike; a file that says otherwise is of a family of its own (ministral)
    fields.each('layer_types', layers, [window === undefined ? FULL : SLIDING]);
    const positions = positionsOf(fields);
    return {
      shape: { V: fields.count('vocab_size'), E, H, D, layers },
      Hkv,
      window,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 131_072),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, Hkv, window, F, activation, eps, positions, context, tied }) {
    const norm = createRmsNorm({ eps });
    const attention = windowed(Hkv, window);
    const blocks = block({ attention, position: positions[0], norm, mlp: createGatedMlp({ F, activation }) });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights: () =>
    named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
