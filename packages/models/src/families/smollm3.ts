import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { windowed, windowOf, windowsOf } from '../formats/config-window.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { named } from '../weight-sources.ts';

/**
 * SmolLM3: a Llama in which every fourth layer has no positions (NoPE): it knows order only from the causal mask, and
 * is not tied to the lengths it was trained with.
 *
 * ```text
 * q, k = rotate(W_q · x), rotate(W_k · x)      in a layer marked 1; as they are in a layer marked 0
 * h = x + attention(norm(x))      y = h + down · (silu(gate · norm(h)) · (up · norm(h)))
 * ```
 *
 * @see Bakouch et al. 2025, "SmolLM3: smol, multilingual, long-context reasoner"; Yang et al. 2025, "Rope to Nope and
 * Back Again", section 4, {@link https://arxiv.org/abs/2501.18795}
 */
export const smollm3 = /* @__PURE__ */ defineFamily({
  name: 'smollm3',
  title: 'SmolLM3',
  paper: { title: 'Rope to Nope and Back Again', authors: 'Yang et al.', year: 2025, arxiv: '2501.18795' },
  architectures: ['SmolLM3ForCausalLM'],

  config(fields) {
    const { H, E, Hkv, D } = headSizes(fields, { Hkv: 4 });
    const layers = fields.count('num_hidden_layers');
    const positions = positionsOf(fields, 'no_rope_layers', 'no_rope_layer_interval');
    const window = windowOf(fields);
    const slides = fields.flag('use_sliding_window') && window !== undefined;
    // of the script that the published files were made by, which began with other families
    fields.ignore('max_window_layers', 'pretraining_tp');
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
      windows: windowsOf(
        fields,
        layers,
        window,
        (layer) => slides && positions?.[layer]?.kind !== 'rotation',
      ),
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      mlpBias: fields.flag('mlp_bias'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 32_768),
      tied: fields.flag('tie_word_embeddings', true),
    };
  },

  model({ shape, Hkv, windows, F, activation, mlpBias, eps, positions, context, tied }) {
    const norm = createRmsNorm({ eps });
    const blocks = (layer: number) =>
      block({
        attention: windowed(Hkv, windows[layer]),
        position: positions[layer],
        norm,
        mlp: createGatedMlp({ F, bias: mlpBias, activation }),
      });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights: () =>
    named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.{q,k,v,o}.bias': 'model.layers.*.self_attn.{}_proj.bias',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'layers.*.mlp.{gate,up,down}.bias': 'model.layers.*.mlp.{}_proj.bias',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
