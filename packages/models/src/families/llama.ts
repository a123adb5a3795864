import { configure, groupedQuery } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { named } from '../weight-sources.ts';

/**
 * Llama 1, 2 and 3: grouped-query attention, rotary positions, RMSNorm before each part, SwiGLU.
 *
 * ```text
 * h = x + attention(norm(x))      y = h + down · (silu(gate · norm(h)) · (up · norm(h)))
 * ```
 *
 * @see Touvron et al. 2023, "Llama 2: Open Foundation and Fine-Tuned Chat Models",
 * {@link https://arxiv.org/abs/2307.09288}; Grattafiori et al. 2024, "The Llama 3 Herd of Models"
 */
export const llama = /* @__PURE__ */ defineFamily({
  name: 'llama',
  title: 'Llama',
  paper: {
    title: 'Llama 2: Open Foundation and Fine-Tuned Chat Models',
    authors: 'Touvron et al.',
    year: 2023,
    arxiv: '2307.09288',
  },
  architectures: ['LlamaForCausalLM'],

  config(fields) {
    const { H, E, Hkv, D } = headSizes(fields);
    // splits products for parallel training; the sum is the same
    fields.ignore('pretraining_tp');
    const layers = fields.count('num_hidden_layers');
    const positions = positionsOf(fields);
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
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      mlpBias: fields.flag('mlp_bias'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 2048),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, Hkv, F, activation, mlpBias, eps, positions, context, tied }) {
    const attention = configure(groupedQuery, { Hkv });
    const norm = createRmsNorm({ eps });
    const blocks = block({
      attention,
      position: positions[0],
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
