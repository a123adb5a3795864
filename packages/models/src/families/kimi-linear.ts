import { configure, kimiDelta, multiHeadLatent } from '@headwise/attention-variants';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { ConfigFields } from '../formats/config-fields.ts';
import { FULL, LINEAR } from '../formats/config-window.ts';
import { latentSizes, unfolding } from '../formats/latent-attention.ts';
import { createExperts } from '../parts/experts.ts';
import { createSwiglu } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { sigmoidRouting } from '../parts/routing.ts';
import { besideShared } from '../parts/shared-expert.ts';
import { appended, type FileTensor, firstOf, named, reshaped, type WeightSource } from '../weight-sources.ts';

/**
 * Kimi Linear: three layers of Kimi Delta Attention, whose state does not grow, then one of multi-head latent attention;
 * none of them knows positions but by the order in which states and masks are made. Experts as in DeepSeek-V3, in all
 * layers but the first ones.
 *
 * ```text
 * h = x + delta(norm(x)), every fourth layer h = x + latentAttention(norm(x))
 * y = h + Σ_e share_e · swiglu_e(norm(h)) + swiglu(norm(h))      share by sigmoids, chosen with a bias
 * ```
 *
 * The convolution of a recurrent layer stands in three tensors, for q, k and v. Of a feed-forward without experts the
 * published file says `mlp`, and what transformers saves `block_sparse_moe`.
 *
 * @see Kimi Team 2025, "Kimi Linear: An Expressive, Efficient Attention Architecture", section 4,
 * {@link https://arxiv.org/abs/2510.26692}
 */
export const kimiLinear = /* @__PURE__ */ defineFamily({
  name: 'kimi_linear',
  title: 'Kimi Linear',
  paper: {
    title: 'Kimi Linear: An Expressive, Efficient Attention Architecture',
    authors: 'Kimi Team',
    year: 2025,
    arxiv: '2510.26692',
  },
  architectures: ['KimiLinearForCausalLM'],

  config(fields) {
    const H = fields.count('num_attention_heads');
    const layers = fields.layers('num_hidden_layers');
    fields.only('num_key_value_heads', H);
    fields.only('hidden_act', 'silu');
    fields.only('mla_use_nope', true);
    fields.only('moe_router_activation_func', 'sigmoid');
    fields.only('moe_layer_freq', 1);
    fields.only('num_nextn_predict_layers', 0);
    fields.only('tie_word_embeddings', false);
    // nothing turns; one group is what there is where groups are not used
    fields.ignore('rope_theta', 'rope_scaling', 'head_dim', 'use_grouped_topk');
    // of training
    fields.ignore('output_router_logits', 'pretraining_tp');
    const sizes = latentSizes(fields, { queryLatent: null });
    const delta = deltaOf(fields);
    const depth = fields.sound('num_hidden_layers') ? layers : 0;
    const first = fields.get('first_k_dense_replace') === 0 ? 0 : fields.layers('first_k_dense_replace', 1);
    const X = fields.count('num_experts', 256, 4096);
    const k = fields.count('num_experts_per_token', 8);
    if (k > X && fields.sound('num_experts'))
      fields.problems.push(`num_experts_per_token ${k} must be at most num_experts ${X}`);
    const groups = fields.count('num_expert_group', 1);
    return {
      shape: {
        V: fields.count('vocab_size'),
        E: fields.count('hidden_size'),
        H,
        D: sizes.D,
        Dv: sizes.Dv,
        layers,
      },
      biases: fields.flag('attention_bias') ? ['qDown', 'kvDown', 'o'] : [],
      sizes,
      delta,
      kinds:
        fields.each('layer_types', layers, [LINEAR, FULL]) ??
        delta.kinds(layers) ??
        Array.from({ length: depth }, (_, layer) => (layer > 0 && layer % 4 === 0 ? FULL : LINEAR)),
      /** `dense` for one feed-forward, `sparse` for experts. */
      mlps:
        fields.each('mlp_layer_types', layers, ['dense', 'sparse']) ??
        Array.from({ length: depth }, (_, layer) => (layer < first ? 'dense' : 'sparse')),
      experts: { X, k, F: fields.count('moe_intermediate_size', 1024) },
      shared: fields.count('num_shared_experts', 1),
      routing: {
        groups,
        chosenGroups: fields.count('topk_group', 1),
        sumsToOne: fields.flag('moe_renormalize', true),
        scale: fields.positive('routed_scaling_factor', 2.446),
      },
      F: fields.count('intermediate_size'),
      eps: fields.epsilon('rms_norm_eps', 1e-5),
      context: fields.count(
        fields.has('model_max_length') ? 'model_max_length' : 'max_position_embeddings',
        1_048_576,
        Number.MAX_SAFE_INTEGER,
      ),
    };
  },

  model({ shape, biases, sizes, delta, kinds, mlps, experts, shared, routing, F, eps, context }) {
    const norm = createRmsNorm({ eps });
    const { latent, rope, queryLatent, scale } = sizes;
    // the norms of the latents have an eps of their own
    const full = {
      attention: configure(multiHeadLatent, { latent, rope, queryLatent, scale, normEps: 1e-6 }),
      heads: { biases },
    };
    const recurrent = {
      attention: configure(kimiDelta, { kernel: delta.kernel, eps }),
      heads: { H: delta.H, D: delta.D, Dv: delta.D },
    };
    const sparse = besideShared(
      createExperts({ ...experts, route: sigmoidRouting(routing) }),
      createSwiglu({ F: shared * experts.F }),
    );
    const one = createSwiglu({ F });
    const blocks = kinds.map((kind, layer) =>
      block({ ...(kind === FULL ? full : recurrent), norm, mlp: mlps[layer] === 'dense' ? one : sparse }),
    );
    return {
      kind: 'decoder',
      parts: { shape, blocks: (layer) => blocks[layer]!, norm, tied: false, context },
    };
  },

  weights: ({ shape: { H }, sizes, delta, mlps, experts: { X } }) => {
    const at = (layer: number): string => `model.layers.${layer}.self_attn`;
    const convolution = (file: FileTensor, layer: number): WeightSource => {
      const each = ['q', 'k', 'v'].map((name) => file(`${at(layer)}.${name}_conv1d.weight`));
      return reshaped(appended(each), [3 * delta.H * delta.D, delta.kernel]);
    };
    return named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': 'model.layers.*.input_layernorm.weight',
      'layers.*.attention.{q,k,v,o}': 'model.layers.*.self_attn.{}_proj.weight',
      'layers.*.attention.o.bias': 'model.layers.*.self_attn.o_proj.bias',
      'layers.*.attention.qDown': 'model.layers.*.self_attn.q_a_proj.weight',
      'layers.*.attention.qDown.bias': 'model.layers.*.self_attn.q_a_proj.bias',
      'layers.*.attention.qNorm': 'model.layers.*.self_attn.q_a_layernorm.weight',
      'layers.*.attention.qUp': 'model.layers.*.self_attn.q_b_proj.weight',
      'layers.*.attention.kvDown': 'model.layers.*.self_attn.kv_a_proj_with_mqa.weight',
      'layers.*.attention.kvDown.bias': 'model.layers.*.self_attn.kv_a_proj_with_mqa.bias',
      'layers.*.attention.kvNorm': 'model.layers.*.self_attn.kv_a_layernorm.weight',
      'layers.*.attention.{k,v}Up': (file, l, which) => unfolding(file, at(l), which, { H, ...sizes }),
      'layers.*.attention.convolution': convolution,
      'layers.*.attention.beta': 'model.layers.*.self_attn.b_proj.weight',
      'layers.*.attention.forgetDown': 'model.layers.*.self_attn.f_a_proj.weight',
      'layers.*.attention.forgetUp': 'model.layers.*.self_attn.f_b_proj.weight',
      'layers.*.attention.forgetUp.bias': 'model.layers.*.self_attn.dt_bias',
      'layers.*.attention.logRate': (file, l) => reshaped(file(`${at(l)}.A_log`), [delta.H]),
      'layers.*.attention.gateDown': 'model.layers.*.self_attn.g_a_proj.weight',
      'layers.*.attention.gateUp': 'model.layers.*.self_attn.g_b_proj.weight',
      'layers.*.attention.norm': 'model.layers.*.self_attn.o_norm.weight',
      'layers.*.mlpNorm.weight': 'model.layers.*.post_attention_layernorm.weight',
      'layers.*.mlp.router': 'model.layers.*.block_sparse_moe.gate.weight',
      'layers.*.mlp.routerBias': 'model.layers.*.block_sparse_moe.gate.e_score_correction_bias',
      'layers.*.mlp.{gate,up,down}': (file, l, which) => {
        const name = `${which}_proj.weight`;
        if (mlps[l] === 'dense')
          return firstOf(`model.layers.${l}.mlp.${name}`, `model.layers.${l}.block_sparse_moe.${name}`)(file);
        const w = { gate: 'w1', up: 'w3', down: 'w2' }[which];
        const each = (e: number): string => `model.layers.${l}.block_sparse_moe.experts.${e}.${w}.weight`;
        return appended(Array.from({ length: X }, (_, e) => file(each(e))));
      },
      'layers.*.mlp.shared.{gate,up,down}': 'model.layers.*.block_sparse_moe.shared_experts.{}_proj.weight',
      'norm.weight': 'model.norm.weight',
      head: 'lm_head.weight',
    });
  },
  stored: ({ shape: { E, H }, sizes: { D, Dv, latent }, delta, experts: { F } }) => ({
    'model.layers.*.self_attn.kv_b_proj.weight': [H * (D + Dv), latent],
    'model.layers.*.self_attn.q_conv1d.weight': [delta.H * delta.D, 1, delta.kernel],
    'model.layers.*.self_attn.k_conv1d.weight': [delta.H * delta.D, 1, delta.kernel],
    'model.layers.*.self_attn.v_conv1d.weight': [delta.H * delta.D, 1, delta.kernel],
    'model.layers.*.self_attn.A_log': [1, 1, delta.H, 1],
    'model.layers.*.block_sparse_moe.experts.*.w1.weight': [F, E],
    'model.layers.*.block_sparse_moe.experts.*.w3.weight': [F, E],
    'model.layers.*.block_sparse_moe.experts.*.w2.weight': [E, F],
  }),
});

/** The recurrent layers: as transformers says them, or as the published file does, in a dictionary of their own. */
function deltaOf(fields: ConfigFields) {
  const given = fields.get('linear_attn_config');
  const inner = new ConfigFields(given);
  const count = (outer: string, name: string, fallback: number): number =>
    inner.count(name, fields.count(outer, fallback));
  const sizes = {
    H: count('linear_num_heads', 'num_heads', 32),
    D: count('linear_head_dim', 'head_dim', 128),
    kernel: count('linear_conv_kernel_dim', 'short_conv_kernel_size', 4),
  };
  fields.problems.push(...inner.problems.map((problem) => `linear_attn_config.${problem}`));
  return {
    ...sizes,
    /** What each layer is by its lists, which count from 1; undefined where there are none. */
    kinds(layers: number): readonly string[] | undefined {
      if (!inner.has('full_attn_layers') && !inner.has('kda_layers')) return undefined;
      const [full, recurrent] = ['full_attn_layers', 'kda_layers'].map((key) =>
        [inner.get(key) ?? []].flat(),
      );
      const all = [...full!, ...recurrent!].sort((a, b) => Number(a) - Number(b));
      if (all.length !== layers || all.some((layer, i) => layer !== i + 1)) {
        fields.problems.push(
          `linear_attn_config: full_attn_layers and kda_layers must have each of the ${layers} layers once, counted from 1`,
        );
        return Array<string>(fields.sound('num_hidden_layers') ? layers : 0).fill(LINEAR);
      }
      return all.map((layer) => (full!.includes(layer) ? FULL : LINEAR));
    },
  };
}
