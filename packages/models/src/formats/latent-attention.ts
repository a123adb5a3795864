import { yarnMagnitude } from '@headwise/positional';
import { type FileTensor, part, permuted, reshaped, type WeightSource } from '../weight-sources.ts';
import type { ConfigFields } from './config-fields.ts';
import { shown } from './json.ts';

/** Widths of multi-head latent attention, and the scale of its scores. */
export interface LatentSizes {
  /** Of a query or key head, without the part that turns. */
  readonly D: number;
  readonly Dv: number;
  /** Of the latent of keys and values. */
  readonly latent: number;
  /** Of the key that turns, which all heads share. */
  readonly rope: number;
  /** Of the latent of queries; undefined for queries straight from the stream. */
  readonly queryLatent: number | undefined;
  readonly scale: number;
}

/**
 * The sizes of DeepSeek's files, with its defaults. YaRN with `mscale_all_dim` sharpens the scores by its magnitude
 * twice, once for the query and once for the key. What is wrong is among the problems.
 *
 * @param silent what a family has where its file is silent, and DeepSeek not
 */
export function latentSizes(fields: ConfigFields, silent: { readonly queryLatent?: null } = {}): LatentSizes {
  const straight =
    fields.get('q_lora_rank') === null || (silent.queryLatent === null && !fields.has('q_lora_rank'));
  const D = fields.count('qk_nope_head_dim', 128);
  const rope = fields.count('qk_rope_head_dim', 64);
  if (rope % 2 !== 0 && fields.sound('qk_rope_head_dim'))
    fields.problems.push(`qk_rope_head_dim ${rope} must be even, since its numbers turn in pairs`);
  const said = fields.optionalCount('qk_head_dim');
  const sizes = ['qk_head_dim', 'qk_nope_head_dim', 'qk_rope_head_dim'];
  if (said !== undefined && said !== D + rope && fields.sound(...sizes))
    fields.problems.push(`qk_head_dim ${said} must be qk_nope_head_dim ${D} + qk_rope_head_dim ${rope}`);
  return {
    D,
    rope,
    Dv: fields.count('v_head_dim', 128),
    latent: fields.count('kv_lora_rank', 512),
    queryLatent: straight ? undefined : fields.count('q_lora_rank', 1536),
    scale: (D + rope) ** -0.5 * sharpening(fields) ** 2,
  };
}

function sharpening(fields: ConfigFields): number {
  const given = new Map(Object.entries(fields.get('rope_parameters') ?? fields.get('rope_scaling') ?? {}));
  const type = given.get('rope_type') ?? given.get('type') ?? 'default';
  const strength = given.get('mscale_all_dim');
  return type === 'default' || !strength ? 1 : yarnMagnitude(Number(given.get('factor')), Number(strength));
}

/** Layers with experts are another part: all must be dense. */
export function denseLayersOnly(fields: ConfigFields, layers: number, otherwise: number): void {
  const dense = fields.get('first_k_dense_replace') ?? otherwise;
  if (!(typeof dense === 'number' && dense >= layers) && fields.sound('num_hidden_layers'))
    fields.problems.push(
      `first_k_dense_replace ${shown(dense)} must be at least num_hidden_layers ${layers}: layers with experts are not supported`,
    );
  // of experts that no layer has
  fields.ignore('n_routed_experts', 'n_shared_experts', 'num_experts_per_tok', 'moe_intermediate_size');
  fields.ignore('n_group', 'topk_group', 'topk_method', 'norm_topk_prob', 'routed_scaling_factor');
  fields.ignore('scoring_func', 'aux_loss_alpha', 'seq_aux', 'moe_layer_freq', 'ep_size');
  fields.ignore('output_router_logits', 'pretraining_tp');
}

/**
 * What unfolds keys `[H, D, dc]` or values `[H, Dv, dc]`: a half of `kv_b_proj [H · (D + Dv), dc]`, or a tensor of its
 * own in files that have `k_b_proj [H, dc, D]` and `v_b_proj [H, Dv, dc]` instead (GGUF). Never throws.
 *
 * @param at what stands before these names
 * @param which `k` or `v`
 */
export function unfolding(
  file: FileTensor,
  at: string,
  which: string,
  { H, D, Dv, latent }: Pick<LatentSizes, 'D' | 'Dv' | 'latent'> & { readonly H: number },
): WeightSource {
  const fused = file(`${at}.kv_b_proj.weight`);
  const own = fused.shape ? fused : file(`${at}.${which}_b_proj.weight`);
  if (!fused.shape && own.shape) return which === 'k' ? permuted(own, [0, 2, 1]) : own;
  const heads = reshaped(fused, [H, D + Dv, latent]);
  // a matrix of another shape is reported as it is
  if (heads.shape?.length !== 3) return fused;
  return which === 'k' ? part(heads, 1, 0, D) : part(heads, 1, D, Dv);
}
