import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { windowed, windowOf } from '../formats/config-window.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { createExperts } from '../parts/experts.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { appended, type FileTensor, named, type WeightSource } from '../weight-sources.ts';

/**
 * Mixtral: a Mistral whose feed-forwards are experts, two of eight a token.
 *
 * ```text
 * h = x + attention(norm(x))      y = h + Σ_e share_e(norm(h)) · w2_e · (silu(w1_e · norm(h)) · (w3_e · norm(h)))
 * share = softmax of the k largest of gate · norm(h)
 * ```
 *
 * @see Jiang et al. 2024, "Mixtral of Experts", section 2, {@link https://arxiv.org/abs/2401.04088}
 */
export const mixtral = /* @__PURE__ */ defineFamily({
  name: 'mixtral',
  title: 'Mixtral',
  paper: { title: 'Mixtral of Experts', authors: 'Jiang et al.', year: 2024, arxiv: '2401.04088' },
  architectures: ['MixtralForCausalLM'],

  config(fields) {
    const { E, H, D, Hkv } = headSizes(fields, { Hkv: 8 });
    fields.only('hidden_act', 'silu');
    // of training
    fields.ignore('router_aux_loss_coef', 'router_jitter_noise', 'output_router_logits');
    const positions = positionsOf(fields);
    const X = fields.count('num_local_experts', 8, 4096);
    const k = fields.count('num_experts_per_tok', 2);
    if (k > X && fields.sound('num_local_experts'))
      fields.problems.push(`num_experts_per_tok ${k} must be at most num_local_experts ${X}`);
    return {
      shape: { V: fields.count('vocab_size'), E, H, D, layers: fields.count('num_hidden_layers') },
      Hkv,
      window: windowOf(fields),
      experts: { X, k, F: fields.count('intermediate_size') },
      eps: fields.epsilon('rms_norm_eps', 1e-5),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 131_072),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, Hkv, window, experts, eps, positions, context, tied }) {
    const norm = createRmsNorm({ eps });
    const blocks = block({
      attention: windowed(Hkv, window),
      position: positions[0],
      norm,
      mlp: createExperts(experts),
    });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights: ({ experts: { X } }) => {
    const each = (file: FileTensor, layer: number, name: string): WeightSource[] =>
      Array.from({ length: X }, (_, e) =>
        file(`model.layers.${layer}.block_sparse_moe.experts.${e}.${name}.weight`),
      );
    return named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.router': 'model.layers.*.block_sparse_moe.gate.weight',
      'layers.*.mlp.gate': (file, layer) => appended(each(file, layer, 'w1')),
      'layers.*.mlp.up': (file, layer) => appended(each(file, layer, 'w3')),
      'layers.*.mlp.down': (file, layer) => appended(each(file, layer, 'w2')),
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    });
  },
  stored: ({ shape: { E }, experts: { F } }) => ({
    'model.layers.*.block_sparse_moe.experts.*.w1.weight': [F, E],
    'model.layers.*.block_sparse_moe.experts.*.w3.weight': [F, E],
    'model.layers.*.block_sparse_moe.experts.*.w2.weight': [E, F],
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
