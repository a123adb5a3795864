import { configure, groupedQuery, slidingWindow } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { sandwich } from '../arrangements/sandwich.ts';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { windowOf, windowsOf } from '../formats/config-window.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { roundedAsStored } from '../formats/stored-dtype.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { named, plus } from '../weight-sources.ts';

/**
 * Gemma 3, for text: five layers with a window and a small rotary base, then one that sees everything and turns slowly;
 * queries and keys are normalised, a norm before and after each part.
 *
 * ```text
 * x = √E · embed[id]
 * q, k = rotate(norm(q)), rotate(norm(k))      s = q · k / √scalar
 * h = x + norm(attention(norm(x)))             y = h + norm(down · (gelu(gate · norm(h)) · (up · norm(h))))
 * ```
 *
 * Gains are stored less 1.
 *
 * @see Gemma Team 2025, "Gemma 3 Technical Report", section 2, {@link https://arxiv.org/abs/2503.19786}
 */
export const gemma3 = /* @__PURE__ */ defineFamily({
  name: 'gemma3_text',
  title: 'Gemma 3',
  paper: { title: 'Gemma 3 Technical Report', authors: 'Gemma Team', year: 2025, arxiv: '2503.19786' },
  architectures: ['Gemma3ForCausalLM'],

  config(fields) {
    const { E, H, D, Hkv } = headSizes(fields, { D: 256, Hkv: 4 });
    fields.only('use_bidirectional_attention', false);
    // the scores of Gemma 3 are not capped, whatever the file says; hidden_activation is what is read
    fields.ignore('attn_logit_softcapping', 'hidden_act', 'cache_implementation', '_sliding_window_pattern');
    const layers = fields.count('num_hidden_layers');
    const period = fields.count('sliding_window_pattern', 6);
    const positions = positionsOf(fields, 'rope_local_base_freq');
    const eps = fields.epsilon('rms_norm_eps', 1e-6);
    const biases = fields.flag('attention_bias') ? ['q', 'k', 'v', 'o'] : [];
    return {
      shape: {
        V: fields.count('vocab_size', 262_208),
        E,
        H,
        D,
        layers,
        biases,
        headNorm: { over: 'head', eps } as const,
      },
      Hkv,
      windows: windowsOf(fields, layers, windowOf(fields, 4096), (layer) => (layer + 1) % period !== 0),
      scale: fields.positive('query_pre_attn_scalar', 256) ** -0.5,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_activation', 'gelu_pytorch_tanh'),
      eps,
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 131_072),
      embedScale: roundedAsStored(fields, Math.sqrt(E)),
      logitSoftcap: fields.positiveOrNone('final_logit_softcapping'),
      tied: fields.flag('tie_word_embeddings', true),
    };
  },

  model({ Hkv, windows, scale, F, activation, eps, positions, ...rest }) {
    const full = configure(groupedQuery, { Hkv, scale });
    const norm = createRmsNorm({ eps });
    const mlp = createGatedMlp({ F, activation });
    const blocks = windows.map((window, layer) => {
      const attention = window === undefined ? full : configure(slidingWindow, { window, Hkv, scale });
      return block({ attention, position: positions[layer], norm, mlp, arrange: sandwich });
    });
    return { kind: 'decoder', parts: { ...rest, norm, blocks: (layer) => blocks[layer]! } };
  },

  weights: () =>
    named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': (file, l) => plus(file(`model.layers.${l}.input_layernorm.weight`), 1),
      'layers.*.attentionPostNorm.weight': (file, l) =>
        plus(file(`model.layers.${l}.post_attention_layernorm.weight`), 1),
      'layers.*.mlpNorm.weight': (file, l) =>
        plus(file(`model.layers.${l}.pre_feedforward_layernorm.weight`), 1),
      'layers.*.mlpPostNorm.weight': (file, l) =>
        plus(file(`model.layers.${l}.post_feedforward_layernorm.weight`), 1),
      'layers.*.attention.{q,k}Norm': (file, l, which) =>
        plus(file(`model.layers.${l}.self_attn.${which}_norm.weight`), 1),
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.{q,k,v,o}.bias': 'model.layers.*.self_attn.{}_proj.bias',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'norm.weight': (file) => plus(file('model.norm.weight'), 1),
      head: 'lm_head.weight',
    }),
  stored: ({ shape: { E, D } }) => ({
    'model.layers.*.input_layernorm.weight': [E],
    'model.layers.*.post_attention_layernorm.weight': [E],
    'model.layers.*.pre_feedforward_layernorm.weight': [E],
    'model.layers.*.post_feedforward_layernorm.weight': [E],
    'model.layers.*.self_attn.q_norm.weight': [D],
    'model.layers.*.self_attn.k_norm.weight': [D],
    'model.norm.weight': [E],
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
