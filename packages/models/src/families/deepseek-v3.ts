import { configure, multiHeadLatent } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { deepseekExpertShapes, deepseekMlpNames, sigmoidExperts } from '../formats/deepseek-experts.ts';
import { latentNames, latentShapes, latentSizes } from '../formats/latent-attention.ts';
import { createGatedMlp, type Mlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { sigmoidRouting } from '../parts/routing.ts';
import { gatedExperts } from '../parts/shared-expert.ts';
import { named } from '../weight-sources.ts';

/**
 * DeepSeek-V3: multi-head latent attention as in V2, turned in pairs or in halves as the file says; experts that are
 * scored one by one, with a bias that only chooses. Layers that predict several tokens are for training.
 *
 * ```text
 * [c | kR] = kvDown · x      k = [kUp · norm(c) | rotate(kR)]      v = vUp · norm(c)
 * h = x + attention(norm(x))      y = h + Σ_e share_e · swiglu_e(norm(h)) + swiglu(norm(h))
 * ```
 *
 * @see DeepSeek-AI 2024, "DeepSeek-V3 Technical Report", section 2.1, eq. 1 to 16,
 * {@link https://arxiv.org/abs/2412.19437}
 */
export const deepseekV3 = /* @__PURE__ */ defineFamily({
  name: 'deepseek_v3',
  title: 'DeepSeek-V3',
  paper: { title: 'DeepSeek-V3 Technical Report', authors: 'DeepSeek-AI', year: 2024, arxiv: '2412.19437' },
  architectures: ['DeepseekV3ForCausalLM'],

  config(fields) {
    const H = fields.count('num_attention_heads');
    const layers = fields.count('num_hidden_layers');
    fields.only('num_key_value_heads', H);
    fields.ignore('num_nextn_predict_layers', 'num_mtp_layers');
    const { dense, experts } = sigmoidExperts(fields, layers);
    const sizes = latentSizes(fields);
    const positions = positionsOf(fields, 'rope_interleave');
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
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 4096),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, sizes, dense, experts, F, activation, eps, positions, context, tied }) {
    const { latent, rope, queryLatent, scale } = sizes;
    // the norms of the latents have an eps of their own
    const attention = configure(multiHeadLatent, { latent, rope, queryLatent, scale, normEps: 1e-6 });
    const norm = createRmsNorm({ eps });
    const plain = createGatedMlp({ F, activation });
    const sparse = experts && gatedExperts({ ...experts, activation, route: sigmoidRouting(experts) });
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
  // the layers behind the last one predict several tokens
  unused: ({ shape: { layers } }) => new RegExp(`^model\\.layers\\.${layers}\\.`),
});
