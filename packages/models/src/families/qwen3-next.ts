import { configure, gatedDelta, groupedQuery } from '@headwise/attention-variants';
import type { ConfigEncoding } from '@headwise/positional';
import { block } from '../block.ts';
import { defineFamily } from '../family.ts';
import type { ConfigFields } from '../formats/config-fields.ts';
import { contextOf, positionsOf } from '../formats/config-positions.ts';
import { FULL, LINEAR } from '../formats/config-window.ts';
import { eachExpert, expertCounts } from '../formats/expert-fields.ts';
import { headSizes } from '../formats/head-sizes.ts';
import { shown } from '../formats/json.ts';
import { createExperts } from '../parts/experts.ts';
import { createSwiglu } from '../parts/feed-forward.ts';
import { createRmsNorm } from '../parts/norms.ts';
import { softmaxOfAll, softmaxOfChosen } from '../parts/routing.ts';
import { besideShared, openedByToken } from '../parts/shared-expert.ts';
import { type FileTensor, named, plus, reshaped, rowsOf, type WeightSource } from '../weight-sources.ts';

/**
 * Qwen3-Next: three layers of Gated DeltaNet, whose state does not grow, then one of full attention whose output passes a
 * gate; experts in every layer, with a shared one that each token opens as far as it needs it.
 *
 * ```text
 * h = x + delta(norm(x)), every fourth layer h = x + W_o · (attention(norm(x)) ∘ σ(W_g · norm(x)))
 * q, k = rotate(norm(W_q · x)), rotate(norm(W_k · x))          the first quarter of each head turns
 * y = h + Σ_e share_e · swiglu_e(norm(h)) + σ(w · norm(h)) · swiglu(norm(h))
 * ```
 *
 * Gains are stored less 1, but for those of the recurrent layers; q stands with its gate in one matrix, head by head, and
 * so do the projections of a recurrent layer, key head by key head: [q | k | v | gate], [β | forget].
 *
 * @see Qwen Team 2025, "Qwen3-Next: Towards Ultimate Training & Inference Efficiency"; Yang et al. 2024, "Gated Delta
 * Networks", {@link https://arxiv.org/abs/2412.06464}; Qiu et al. 2025, "Gated Attention for Large Language Models",
 * {@link https://arxiv.org/abs/2505.06708}
 */
export const qwen3Next = /* @__PURE__ */ defineFamily({
  name: 'qwen3_next',
  title: 'Qwen3-Next',
  paper: {
    title: 'Qwen3-Next: Towards Ultimate Training & Inference Efficiency',
    authors: 'Qwen Team',
    year: 2025,
  },
  architectures: ['Qwen3NextForCausalLM'],

  config(fields) {
    const { E, H, D, Hkv } = headSizes(fields, { D: 256, Hkv: 2 });
    fields.only('hidden_act', 'silu');
    // of training
    fields.ignore('router_aux_loss_coef', 'output_router_logits');
    const layers = fields.layers('num_hidden_layers');
    const period = fields.count('full_attention_interval', 4);
    const positions = positionsOf(fields, 'full_attention_interval');
    const eps = fields.epsilon('rms_norm_eps', 1e-6);
    const delta = {
      H: fields.count('linear_num_value_heads', 32),
      Hk: fields.count('linear_num_key_heads', 16),
      D: fields.count('linear_key_head_dim', 128),
      Dv: fields.count('linear_value_head_dim', 128),
      kernel: fields.count('linear_conv_kernel_dim', 4),
    };
    if (delta.H % delta.Hk !== 0 && fields.sound('linear_num_value_heads', 'linear_num_key_heads'))
      fields.problems.push(
        `linear_num_value_heads ${delta.H} must be a multiple of linear_num_key_heads ${delta.Hk}`,
      );
    const counts = expertCounts(fields, ['num_experts', 512], ['num_experts_per_tok', 10]);
    const every = fields.count('decoder_sparse_step', 1);
    const depth = fields.sound('num_hidden_layers') ? layers : 0;
    const plain = layersOf(fields, 'mlp_only_layers', depth);
    return {
      shape: { V: fields.count('vocab_size'), E, H, D, layers },
      heads: {
        headNorm: { over: 'head' as const, eps },
        gate: 'number' as const,
        biases: fields.flag('attention_bias') ? ['q', 'gate', 'k', 'v', 'o'] : [],
      },
      Hkv,
      delta,
      kinds:
        fields.each('layer_types', layers, [LINEAR, FULL]) ??
        Array.from({ length: depth }, (_, layer) => ((layer + 1) % period === 0 ? FULL : LINEAR)),
      /** Layers whose feed-forward is one, and no experts. */
      dense: Array.from({ length: depth }, (_, layer) => plain.includes(layer) || (layer + 1) % every !== 0),
      experts: { ...counts, F: fields.count('moe_intermediate_size', 512) },
      sumsToOne: fields.flag('norm_topk_prob', true),
      shared: fields.count('shared_expert_intermediate_size', 512),
      F: fields.count('intermediate_size', 5632),
      eps,
      positions: positions as readonly ConfigEncoding[],
      context: contextOf(fields, positions, 32_768),
      tied: fields.flag('tie_word_embeddings'),
    };
  },

  model({ shape, heads, Hkv, delta, kinds, dense, experts, sumsToOne, shared, F, eps, positions, ...rest }) {
    const norm = createRmsNorm({ eps });
    const { Hk, kernel, ...states } = delta;
    const recurrent = { attention: configure(gatedDelta, { Hk, kernel, eps }), heads: states };
    const full = { attention: configure(groupedQuery, { Hkv }), heads };
    const route = sumsToOne ? softmaxOfChosen : softmaxOfAll;
    const sparse = besideShared(
      createExperts({ ...experts, route }),
      openedByToken(createSwiglu({ F: shared })),
    );
    const one = createSwiglu({ F });
    const blocks = kinds.map((kind, layer) => {
      const mixer = kind === FULL ? { ...full, position: positions[layer] } : recurrent;
      return block({ ...mixer, norm, mlp: dense[layer] ? one : sparse });
    });
    return { kind: 'decoder', parts: { shape, blocks: (layer) => blocks[layer]!, norm, ...rest } };
  },

  weights: ({ shape: { H, D }, delta, kinds, dense, experts: { X } }) => {
    const gain = (file: FileTensor, name: string): WeightSource => plus(file(`model.${name}.weight`), 1);
    return named({
      embed: 'model.embed_tokens.weight',
      'layers.*.attentionNorm.weight': (file, l) => gain(file, `layers.${l}.input_layernorm`),
      'layers.*.attention.{q,k}Norm': (file, l, which) => gain(file, `layers.${l}.self_attn.${which}_norm`),
      'layers.*.attention.{q,gate,k,v,o}': (file, l, which) => {
        if (kinds[l] === FULL) return ofFull(file, `model.layers.${l}.self_attn`, which, 'weight', [H, D]);
        if (which === 'o') return file(`model.layers.${l}.linear_attn.out_proj.weight`);
        return ofGroups(file(`model.layers.${l}.linear_attn.in_proj_qkvz.weight`), which, rowsOfQkvz(delta));
      },
      'layers.*.attention.{q,gate,k,v,o}.bias': (file, l, which) =>
        ofFull(file, `model.layers.${l}.self_attn`, which, 'bias', [H, D]),
      'layers.*.attention.convolution': (file, l) => {
        const weight = file(`model.layers.${l}.linear_attn.conv1d.weight`);
        return reshaped(weight, [channelsOf(delta), delta.kernel]);
      },
      'layers.*.attention.{beta,forget}': (file, l, which) =>
        ofGroups(file(`model.layers.${l}.linear_attn.in_proj_ba.weight`), which, rowsOfBa(delta)),
      'layers.*.attention.forget.bias': 'model.layers.*.linear_attn.dt_bias',
      'layers.*.attention.logRate': 'model.layers.*.linear_attn.A_log',
      'layers.*.attention.norm': 'model.layers.*.linear_attn.norm.weight',
      'layers.*.mlpNorm.weight': (file, l) => gain(file, `layers.${l}.post_attention_layernorm`),
      'layers.*.mlp.router': 'model.layers.*.mlp.gate.weight',
      'layers.*.mlp.{gate,up,down}': (file, l, which) => {
        if (dense[l]) return file(`model.layers.${l}.mlp.${which}_proj.weight`);
        return eachExpert(file, X, `model.layers.${l}.mlp.experts.+.${which}_proj.weight`);
      },
      'layers.*.mlp.shared.open': 'model.layers.*.mlp.shared_expert_gate.weight',
      'layers.*.mlp.shared.{gate,up,down}': 'model.layers.*.mlp.shared_expert.{}_proj.weight',
      'norm.weight': (file) => gain(file, 'norm'),
      head: 'lm_head.weight',
    });
  },
  stored: ({ shape: { E, H, D }, delta, experts: { F } }) => ({
    'model.layers.*.input_layernorm.weight': [E],
    'model.layers.*.post_attention_layernorm.weight': [E],
    'model.layers.*.self_attn.q_norm.weight': [D],
    'model.layers.*.self_attn.k_norm.weight': [D],
    'model.layers.*.self_attn.q_proj.weight': [2 * H * D, E],
    'model.layers.*.self_attn.q_proj.bias': [2 * H * D],
    'model.layers.*.linear_attn.in_proj_qkvz.weight': [2 * delta.Hk * delta.D + 2 * delta.H * delta.Dv, E],
    'model.layers.*.linear_attn.in_proj_ba.weight': [2 * delta.H, E],
    'model.layers.*.linear_attn.conv1d.weight': [channelsOf(delta), 1, delta.kernel],
    'model.layers.*.mlp.experts.*.gate_proj.weight': [F, E],
    'model.layers.*.mlp.experts.*.up_proj.weight': [F, E],
    'model.layers.*.mlp.experts.*.down_proj.weight': [E, F],
    'model.norm.weight': [E],
  }),
  copies: () => ({ 'lm_head.weight': 'model.embed_tokens.weight' }),
  // heads that predict several tokens are for training
  unused: /^mtp\./,
});

/** Numbers of layers, from 0. */
function layersOf(fields: ConfigFields, key: string, layers: number): readonly number[] {
  const found = fields.has(key) ? [fields.get(key)].flat() : [];
  const wrong = found.find((layer) => !Number.isInteger(layer) || !((layer as number) >= 0));
  if (wrong !== undefined) fields.problems.push(`${key} must be a list of layers, it has ${shown(wrong)}`);
  const outside = found.find((layer) => (layer as number) >= layers);
  if (outside !== undefined && layers > 0)
    fields.problems.push(`${key} ${shown(outside)} must be below num_hidden_layers ${layers}`);
  return found as readonly number[];
}

/** Heads and widths of the recurrent layers. */
interface DeltaSizes {
  /** Of values. */
  readonly H: number;
  /** Of queries and keys. */
  readonly Hk: number;
  readonly D: number;
  readonly Dv: number;
  readonly kernel: number;
}

/** A projection of a full layer; q and its gate stand head by head in one matrix, or one bias. */
function ofFull(
  file: FileTensor,
  at: string,
  which: string,
  kind: string,
  [H, D]: readonly [number, number],
): WeightSource {
  if (which !== 'q' && which !== 'gate') return file(`${at}.${which}_proj.${kind}`);
  const runs = Array.from({ length: H }, (_, h) => [(2 * h + (which === 'q' ? 0 : 1)) * D, D] as const);
  return rowsOf(file(`${at}.q_proj.${kind}`), runs);
}

/** Rows that one group of a fused matrix has of each of its parts, in their order, and how many groups there are. */
interface Groups {
  readonly count: number;
  readonly rows: Readonly<Record<string, number>>;
}

function rowsOfQkvz({ H, Hk, D, Dv }: DeltaSizes): Groups {
  const values = (H / Hk) * Dv;
  return { count: Hk, rows: { q: D, k: D, v: values, gate: values } };
}

function rowsOfBa({ H, Hk }: DeltaSizes): Groups {
  return { count: Hk, rows: { beta: H / Hk, forget: H / Hk } };
}

/** One part of a matrix whose rows stand group by group. */
function ofGroups(fused: WeightSource, which: string, { count, rows }: Groups): WeightSource {
  const names = Object.keys(rows);
  const sum = (of: readonly string[]): number => of.reduce((total, name) => total + rows[name]!, 0);
  const [whole, before] = [sum(names), sum(names.slice(0, names.indexOf(which)))];
  return rowsOf(
    fused,
    Array.from({ length: count }, (_, g) => [g * whole + before, rows[which]!] as const),
  );
}

function channelsOf({ H, Hk, D, Dv }: DeltaSizes): number {
  return 2 * Hk * D + H * Dv;
}
