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
 * Qwen 3: grouped-query attention whose queries and keys are normalised head by head before they turn, with heads of a
 * width of their own; over a window from some layer on where the file says so; RMSNorm before each part, SwiGLU.
 *
 * ```text
 * q = rotate(norm_q(W_q · x))      k = rotate(norm_k(W_k · x))      norms of D numbers, one gain for all heads
 * h = x + attention(norm(x))       y = h + down · (silu(gate · norm(h)) · (up · norm(h)))
 * ```
 *
 * @see Yang et al. 2025, "Qwen3 Technical Report", section 2, {@link https://arxiv.org/abs/2505.09388}
 */
export const qwen3 = /* @__PURE__ */ defineFamily({
  name: 'qwen3',
  title: 'Qwen 3',
  paper: { title: 'Qwen3 Technical Report', authors: 'Yang et al.', year: 2025, arxiv: '2505.09388' },
  architectures: ['Qwen3ForCausalLM'],

  config(fields) {
    const { H, E, Hkv, D } = headSizes(fields, { Hkv: 32, D: 128 });
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
    const positions = positionsOf(fields);
    const eps = fields.epsilon('rms_norm_eps', 1e-6);
    return {
      shape: {
        V: fields.count('vocab_size'),
        E,
        H,
        D,
        layers,
        headNorm: { over: 'head' as const, eps },
        ...(fields.flag('attention_bias') && { biases: ['q', 'k', 'v', 'o'] }),
      },
      Hkv,
      windows,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      eps,
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
      'layers.*.attention.{q,k,v,o}.bias': 'model.layers.*.self_attn.{}_proj.bias',
      'layers.*.attention.{q,k}Norm': 'model.layers.*.self_attn.{}_norm.weight',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
