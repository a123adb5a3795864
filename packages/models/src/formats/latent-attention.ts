import { yarnMagnitude } from '@headwise/positional';
import { type FileTensor, part, permuted, reshaped, type WeightSource } from '../weight-sources.ts';
import type { ConfigFields } from './config-fields.ts';

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

/** Weights of the attention of all layers by the names of DeepSeek's files: for `named`. Never throws. */
export function latentNames(sizes: Parameters<typeof unfolding>[3]) {
  const at = 'model.layers.*.self_attn';
  return {
    'layers.*.attention.{q,o}': `${at}.{}_proj.weight`,
    'layers.*.attention.qDown': `${at}.q_a_proj.weight`,
    'layers.*.attention.qDown.bias': `${at}.q_a_proj.bias`,
    'layers.*.attention.qNorm': `${at}.q_a_layernorm.weight`,
    'layers.*.attention.qUp': `${at}.q_b_proj.weight`,
    'layers.*.attention.kvDown': `${at}.kv_a_proj_with_mqa.weight`,
    'layers.*.attention.kvDown.bias': `${at}.kv_a_proj_with_mqa.bias`,
    'layers.*.attention.kvNorm': `${at}.kv_a_layernorm.weight`,
    'layers.*.attention.{k,v}Up': (file: FileTensor, layer: number, which: string): WeightSource =>
      unfolding(file, at.replace('*', String(layer)), which, sizes),
    'layers.*.attention.o.bias': `${at}.o_proj.bias`,
  };
}

/** The shape of what unfolds keys and values in the file. Never throws. */
export function latentShapes({ H, D, Dv, latent }: Parameters<typeof unfolding>[3]) {
  return { 'model.layers.*.self_attn.kv_b_proj.weight': [H * (D + Dv), latent] };
}
