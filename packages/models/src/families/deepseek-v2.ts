import { configure, multiHeadLatent } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { deepseekExpertShapes, deepseekExperts, deepseekMlpNames } from '../formats/deepseek-experts.ts';
import { latentNames, latentShapes, latentSizes } from '../formats/latent-attention.ts';
import { createGatedMlp, type Mlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { groupedSoftmaxRouting } from '../parts/routing.ts';
import { gatedExperts } from '../parts/shared-expert.ts';
import { named } from '../weight-sources.ts';

/**
 * DeepSeek-V2: keys and values of all heads are projections of one latent a token, which is all that is kept; a decode
 * step works in the width of the latent. All layers but the first have experts, of a few groups a token, and a shared one.
 *
 * ```text
 * [c | kR] = kvDown · x      k = [kUp · norm(c) | rotate(kR)]      v = vUp · norm(c)
 * h = x + attention(norm(x))      y = h + Σ_e share_e · swiglu_e(norm(h)) + swiglu(norm(h))
 * ```
 *
 * @see DeepSeek-AI 2024, "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model",
 * section 2, eq. 9 to 22, {@link https://arxiv.org/abs/2405.04434}
 */
export const deepseekV2 = /* @__PURE__ */ defineFamily({
  name: 'deepseek_v2',
  title: 'DeepSeek-V2',
  paper: {
    title: 'DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model',
    authors: 'DeepSeek-AI',
    year: 2024,
    arxiv: '2405.04434',
  },
  architectures: ['DeepseekV2ForCausalLM'],

  config(fields) {
    const H = fields.count('num_attention_heads');
    const layers = fields.count('num_hidden_layers');
    fields.only('num_key_value_heads', H);
    const { dense, experts } = deepseekExperts(fields, layers, { dense: 0 }, () => {
      fields.only('scoring_func', 'softmax');
      fields.only('norm_topk_prob', false);
      const ways = { greedy: undefined, group_limited_greedy: { least: 1 } };
      const grouped = fields.oneOf('topk_method', ways, 'greedy');
      return { X: 64, F: 1407, shared: 2, scale: 1, grouped };
    });
    const sizes = latentSizes(fields);
    const positions = positionsOf(fields);
    return {
      shape: {
        V: fields.count('vocab_size'),
        E: fields.count('hidden_size'),
        H,
        D: sizes.D,
        Dv: sizes.Dv,
        layers,
        biases: fields.flag('attention_bias') ? ['qDown', 'kvDown', 'o'] : [],
      },
      sizes,
      dense,
      experts,
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      mlpBias: fields.flag('mlp_bias'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 2048),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, sizes, dense, experts, F, activation, mlpBias, eps, positions, context, tied }) {
    const { latent, rope, queryLatent, scale } = sizes;
    // the norms of the latents have an eps of their own
    const attention = configure(multiHeadLatent, { latent, rope, queryLatent, scale, normEps: 1e-6 });
    const norm = createRmsNorm({ eps });
    const plain = createGatedMlp({ F, activation, bias: mlpBias });
    const route = groupedSoftmaxRouting(experts);
    const sparse = experts && gatedExperts({ ...experts, activation, route, sharedBias: mlpBias });
    const ofLayer = (mlp: Mlp) => block({ attention, position: positions[0], norm, mlp });
    const [first, rest] = [ofLayer(plain), ofLayer(sparse ?? plain)];
    return {
      kind: 'decoder',
      parts: { shape, blocks: (layer) => (layer < dense ? first : rest), norm, tied, context },
    };
  },

  weights: ({ shape: { H }, sizes, dense, experts }) =>
    named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      ...latentNames({ H, ...sizes }),
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      ...deepseekMlpNames(dense, experts?.X ?? 0),
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    }),
  stored: ({ shape: { E, H }, sizes, experts }) => ({
    ...latentShapes({ H, ...sizes }),
    ...(experts && deepseekExpertShapes(E, experts)),
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
