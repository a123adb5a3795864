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
 * Qwen 2 and 2.5: grouped-query attention with biases on queries, keys and values, over a window from some layer on
 * where the file says so; rotary positions, RMSNorm before each part, SwiGLU.
 *
 * ```text
 * q = W_q · x + b_q      k = W_k · x + b_k      v = W_v · x + b_v      o = W_o · out
 * h = x + attention(norm(x))      y = h + down · (silu(gate · norm(h)) · (up · norm(h)))
 * ```
 *
 * @see Yang et al. 2024, "Qwen2 Technical Report", section 2.2, {@link https://arxiv.org/abs/2407.10671}
 */
export const qwen2 = /* @__PURE__ */ defineFamily({
  name: 'qwen2',
  title: 'Qwen 2 and 2.5',
  paper: { title: 'Qwen2 Technical Report', authors: 'Yang et al.', year: 2024, arxiv: '2407.10671' },
  architectures: ['Qwen2ForCausalLM'],

  config(fields) {
    const { H, E, Hkv, D } = headSizes(fields, { Hkv: 32 });
    const layers = fields.count('num_hidden_layers');
    const first = fields.get('max_window_layers') === 0 ? 0 : fields.count('max_window_layers', 28);
    const slides = fields.flag('use_sliding_window');
    const window = windowOf(fields, 4096);
    const windows = windowsOf(
      fields,
      layers,
      slides ? window : undefined,
      (layer) => slides && window !== undefined && layer >= first,
    );
    // axes of pictures, which text does not have
    fields.only('use_mrope', false);
    const positions = positionsOf(fields);
    return {
      shape: { V: fields.count('vocab_size'), E, H, D, layers, biases: ['q', 'k', 'v'] },
      Hkv,
      windows,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 32_768),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, Hkv, windows, F, activation, eps, positions, context, tied }) {
    const norm = createRmsNorm({ eps });
    const blocks = (layer: number) =>
      block({
        attention: windowed(Hkv, windows[layer]),
        position: positions[layer],
        norm,
        mlp: createGatedMlp({ F, activation }),
      });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights: () =>
    named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.{q,k,v}.bias': 'model.layers.*.self_attn.{}_proj.bias',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
