import { configure, groupedQuery, slidingWindow, softCapped } from '@headwise/attention-variants';
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
 * Gemma 2: every second layer sees a window, scores and logits are capped, a norm before and after each part.
 *
 * ```text
 * x = √E · embed[id]
 * h = x + norm(attention(norm(x)))      y = h + norm(down · (gelu(gate · norm(h)) · (up · norm(h))))
 * s = c · tanh(q · k / (c · √scalar))   logits = c' · tanh(embed · norm(y) / c')      gains are stored less 1
 * ```
 *
 * @see Gemma Team 2024, "Gemma 2: Improving Open Language Models at a Practical Size", section 2,
 * {@link https://arxiv.org/abs/2408.00118}
 */
export const gemma2 = /* @__PURE__ */ defineFamily({
  name: 'gemma2',
  title: 'Gemma 2',
  paper: {
    title: 'Gemma 2: Improving Open Language Models at a Practical Size',
    authors: 'Gemma Team',
    year: 2024,
    arxiv: '2408.00118',
  },
  architectures: ['Gemma2ForCausalLM'],

  config(fields) {
    const { E, H, D, Hkv } = headSizes(fields, { D: 256, Hkv: 4 });
    fields.only('use_bidirectional_attention', false);
    // hidden_activation is what is read
    fields.ignore('hidden_act', 'cache_implementation');
    const layers = fields.count('num_hidden_layers');
    const positions = positionsOf(fields);
    const biases = fields.flag('attention_bias') ? ['q', 'k', 'v', 'o'] : [];
    return {
      shape: { V: fields.count('vocab_size'), E, H, D, layers, biases },
      Hkv,
      windows: windowsOf(fields, layers, windowOf(fields, 4096), (layer) => layer % 2 === 0),
      scale: fields.positive('query_pre_attn_scalar', 256) ** -0.5,
      scoreCap: fields.positiveOrNone('attn_logit_softcapping', 50),
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_activation', 'gelu_pytorch_tanh'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 8192),
      embedScale: roundedAsStored(fields, Math.sqrt(E)),
      logitSoftcap: fields.positiveOrNone('final_logit_softcapping', 30),
      tied: fields.flag('tie_word_embeddings', true),
    };
  },

  model({ Hkv, windows, scale, scoreCap, F, activation, eps, positions, ...rest }) {
    const attentionOf = (window: number | undefined) => {
      if (scoreCap !== undefined) return configure(softCapped, { softcap: scoreCap, window, Hkv, scale });
      if (window !== undefined) return configure(slidingWindow, { window, Hkv, scale });
      return configure(groupedQuery, { Hkv, scale });
    };
    const norm = createRmsNorm({ eps });
    const mlp = createGatedMlp({ F, activation });
    const blocks = windows.map((window, layer) =>
      block({ attention: attentionOf(window), position: positions[layer], norm, mlp, arrange: sandwich }),
    );
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
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.{q,k,v,o}.bias': 'model.layers.*.self_attn.{}_proj.bias',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'norm.weight': (file) => plus(file('model.norm.weight'), 1),
      head: 'lm_head.weight',
    }),
  stored: ({ shape: { E } }) => ({
    'model.layers.*.input_layernorm.weight': [E],
    'model.layers.*.post_attention_layernorm.weight': [E],
    'model.layers.*.pre_feedforward_layernorm.weight': [E],
    'model.layers.*.post_feedforward_layernorm.weight': [E],
    'model.norm.weight': [E],
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
