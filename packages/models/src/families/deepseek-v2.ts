import { configure, multiHeadLatent } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { activationOf } from '../formats/config-activation.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { denseLayersOnly, latentSizes, unfolding } from '../formats/latent-attention.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { named } from '../weight-sources.ts';

/**
 * DeepSeek-V2 without experts: keys and values of all heads are projections of one latent a token, which is all that is
 * kept; a decode step works in the width of the latent.
 *
 * ```text
 * [c | kR] = kvDown · x      k = [kUp · norm(c) | rotate(kR)]      v = vUp · norm(c)
 * h = x + attention(norm(x))      y = h + down · (silu(gate · norm(h)) · (up · norm(h)))
 * ```
 *
 * @see DeepSeek-AI 2024, "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model",
 * section 2.1, eq. 9 to 19, {@link https://arxiv.org/abs/2405.04434}
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
    denseLayersOnly(fields, layers, 0);
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
      F: fields.count('intermediate_size'),
      activation: activationOf(fields, 'hidden_act', 'silu'),
      mlpBias: fields.flag('mlp_bias'),
      eps: fields.epsilon('rms_norm_eps', 1e-6),
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 2048),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({
    shape,
    sizes: { latent, rope, queryLatent, scale },
    F,
    activation,
    mlpBias,
    eps,
    positions,
    context,
    tied,
  }) {
    // the norms of the latents have an eps of their own
    const attention = configure(multiHeadLatent, { latent, rope, queryLatent, scale, normEps: 1e-6 });
    const norm = createRmsNorm({ eps });
    const blocks = block({
      attention,
      position: positions[0],
      norm,
      mlp: createGatedMlp({ F, activation, bias: mlpBias }),
    });
    return { kind: 'decoder', parts: { shape, blocks, norm, tied, context } };
  },

  weights: ({ shape: { H }, sizes }) =>
    named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.q': 'model.layers.*.self_attn.q_proj.weight',
      'layers.*.attention.qDown': 'model.layers.*.self_attn.q_a_proj.weight',
      'layers.*.attention.qDown.bias': 'model.layers.*.self_attn.q_a_proj.bias',
      'layers.*.attention.qNorm': 'model.layers.*.self_attn.q_a_layernorm.weight',
      'layers.*.attention.qUp': 'model.layers.*.self_attn.q_b_proj.weight',
      'layers.*.attention.kvDown': 'model.layers.*.self_attn.kv_a_proj_with_mqa.weight',
      'layers.*.attention.kvDown.bias': 'model.layers.*.self_attn.kv_a_proj_with_mqa.bias',
      'layers.*.attention.kvNorm': 'model.layers.*.self_attn.kv_a_layernorm.weight',
      'layers.*.attention.{k,v}Up': (file, layer, which) =>
        unfolding(file, `model.layers.${layer}.self_attn`, which, { H, ...sizes }),
      'layers.*.attention.o': 'model.layers.*.self_attn.o_proj.weight',
      'layers.*.attention.o.bias': 'model.layers.*.self_attn.o_proj.bias',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.{gate,up,down}': 'model.layers.*.mlp.{}_proj.weight',
      'layers.*.mlp.{gate,up,down}.bias': 'model.layers.*.mlp.{}_proj.bias',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    }),
  stored: ({ shape: { H }, sizes: { D, Dv, latent } }) => ({
    'model.layers.*.self_attn.kv_b_proj.weight': [H * (D + Dv), latent],
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
});
