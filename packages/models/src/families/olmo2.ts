import { configure, groupedQuery } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { branchNorm } from '../arrangements/branch-norm.ts';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { named } from '../weight-sources.ts';

/**
 * OLMo 2: RMSNorm after each part, before it is added; queries and keys are normalised over all heads of a token.
 *
 * ```text
 * q = rotate(norm_q(W_q · x))      k = rotate(norm_k(W_k · x))      norms of H · D and Hkv · D numbers
 * h = x + norm(attention(x))       y = h + norm(down · (silu(gate · h) · (up · h)))
 * ```
 *
 * @see OLMo Team 2024, "2 OLMo 2 Furious", section 3.3, {@link https://arxiv.org/abs/2501.00656}
 */
export const olmo2 = /* @__PURE__ */ defineFamily({
  name: 'olmo2',
  title: 'OLMo 2',
  paper: { title: '2 OLMo 2 Furious', authors: 'OLMo Team', year: 2024, arxiv: '2501.00656' },
  architectures: ['Olmo2ForCausalLM'],

  config(fields) {
    const { H, E, Hkv, D } = headSizes(fields);
    const layers = fields.count('num_hidden_layers');
    const positions = positionsOf(fields);
    const eps = fields.epsilon('rms_norm_eps', 1e-5);
    // of OLMo 1
    fields.only('clip_qkv', null);
    return {
      shape: {
        V: fields.count('vocab_size'),
        E,
        H,
        D,
        layers,
        headNorm: { over: 'token' as const, eps },
        ...(fields.flag('attention_bias') && { biases: ['q', 'k', 'v', 'o'] }),
      },
      Hkv,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      eps,
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 2048),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, Hkv, F, activation, eps, positions, context, tied }) {
    const norm = createRmsNorm({ eps });
    const attention = configure(groupedQuery, { Hkv });
    const blocks = block({
      attention,
      position: positions[0],
      norm,
      mlp: createGatedMlp({ F, activation }),
      arrange: branchNorm,
    });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights: () =>
    named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.{q,k,v,o}.bias': 'model.layers.*.self_attn.{}_proj.bias',
      'layers.*.attention.{q,k}Norm': 'model.layers.*.self_attn.{}_norm.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_feedforward_layernorm.weight',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
