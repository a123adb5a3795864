import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { FULL, SLIDING, windowed, windowOf } from '../formats/config-window.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { named, part } from '../weight-sources.ts';

/**
 * Phi-3 and Phi-4: one projection for queries, keys and values and one for gate and up; a window in every layer where
 * the file says so; rotary positions, LongRoPE in those for long texts; RMSNorm before each part, SwiGLU.
 *
 * ```text
 * [q; k; v] = W_qkv · x      [gate; up] = W_gu · x
 * h = x + attention(norm(x))      y = h + down · (silu(gate) · up)
 * ```
 *
 * With LongRoPE a text that outgrows `original_max_position_embeddings` is turned by other angles from its first token
 * on: a session reads it again there, and goes on as if it had been that long from the start.
 *
 * @see Abdin et al. 2024, "Phi-3 Technical Report", section 2, {@link https://arxiv.org/abs/2404.14219}
 */
export const phi3 = /* @__PURE__ */ defineFamily({
  name: 'phi3',
  title: 'Phi-3',
  paper: { title: 'Phi-3 Technical Report', authors: 'Abdin et al.', year: 2024, arxiv: '2404.14219' },
  architectures: ['Phi3ForCausalLM'],

  config(fields) {
    const { H, E, Hkv, D } = headSizes(fields);
    const layers = fields.count('num_hidden_layers');
    const window = windowOf(fields);
    fields.each('layer_types', layers, [window === undefined ? FULL : SLIDING]);
    for (const bias of ['attention_bias', 'mlp_bias', 'lm_head_bias']) fields.only(bias, false);
    // of the authors' own code, for models of another family
    fields.only('full_attn_mod', 1);
    fields.only('interpolate_factor', 1);
    const positions = positionsOf(fields);
    return {
      shape: { V: fields.count('vocab_size'), E, H, D, layers },
      Hkv,
      window,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      eps: fields.epsilon('rms_norm_eps', 1e-5),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 4096),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, Hkv, window, F, activation, eps, positions, context, tied }) {
    const norm = createRmsNorm({ eps });
    const attention = windowed(Hkv, window);
    const blocks = block({ attention, position: positions[0], norm, mlp: createGatedMlp({ F, activation }) });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights({ shape: { H, D }, Hkv, F }) {
    const rows: Readonly<Record<string, readonly [start: number, count: number]>> = {
      q: [0, H * D],
      k: [H * D, Hkv * D],
      v: [(H + Hkv) * D, Hkv * D],
      gate: [0, F],
      up: [F, F],
    };
    return named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v}': (file, layer, which) =>
        part(file(`model.layers.${layer}.self_attn.qkv_proj.weight`), 0, ...rows[which]!),
      'layers.*.attention.o': 'model.layers.*.self_attn.o_proj.weight',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.{gate,up}': (file, layer, which) =>
        part(file(`model.layers.${layer}.mlp.gate_up_proj.weight`), 0, ...rows[which]!),
      'layers.*.mlp.down': 'model.layers.*.mlp.down_proj.weight',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    });
  },
  stored: ({ shape: { E, H, D }, Hkv, F }) => ({
    'model.layers.*.self_attn.qkv_proj.weight': [(H + 2 * Hkv) * D, E],
    'model.layers.*.mlp.gate_up_proj.weight': [2 * F, E],
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
