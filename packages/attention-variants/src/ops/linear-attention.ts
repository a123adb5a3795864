import {
  bindAxes,
  defineOp,
  type HostArray,
  run,
  ShapeError,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import type { LinearAttentionInputs, LinearAttentionParams } from './linear-attention-form.ts';
import { lowerLinearAttention } from './linear-attention-lower.ts';
import { linearAttentionPlan } from './linear-attention-plan.ts';

export type { LinearAttentionInputs, LinearAttentionParams, UpdateRule } from './linear-attention-form.ts';

/**
 * Attention without a softmax: keys and values are summed into a state of constant size, which queries read.
 *
 * ```text
 * S_t = rule(S_t−1, φ(k_t), v_t)         [D, Dv] a head
 * z_t = z_t−1 + φ(k_t)                   [D]
 * y_t = scale · φ(q_t) · S_t / (φ(q_t) · z_t + eps)      without z: not divided
 * → y [B, L, H, Dv], S [B, Hkv, D, Dv], z [B, Hkv, D]
 * ```
 *
 * Time `O(B · L · H · D · Dv)`. The reference is the recurrence. Devices compute the rule `linear` in the parallel
 * form, chunk by chunk; so does the composition with the delta rules, where gpu.js takes one token after the other, as
 * `wasm` does with a kernel of its own for every rule but `linear`.
 * Katharopoulos et al. 2020, eq. 16 to 20; Yang et al. 2024, "Gated Delta Networks", eq. 10.
 */
export const linearAttentionOp = defineOp<LinearAttentionInputs, LinearAttentionParams>({
  name: 'linearAttention',
  outputs(inputs, { rule, causal }) {
    const { q, k, v, S, z, decay, beta } = inputs;
    const { B, L, H, Hkv, D, Dv } = bindAxes('linearAttention', {
      q: [q, 'B L H D'],
      k: [k, 'B L Hkv D'],
      v: [v, 'B L Hkv Dv'],
      S: [S, 'B Hkv D Dv'],
      z: z && [z, 'B Hkv D'],
      decay: decay && [decay, decay.shape[3] === 1 ? 'B L Hkv 1' : 'B L Hkv D'],
      beta: beta && [beta, beta.shape[2] === 1 ? 'B L 1' : 'B L Hkv'],
    }) as Record<'B' | 'L' | 'H' | 'Hkv' | 'D' | 'Dv', number>;
    if (Hkv === 0 || H % Hkv !== 0)
      throw new ShapeError(
        'linearAttention',
        `H = ${H} query heads cannot be split into Hkv = ${Hkv} groups`,
        [],
        'H',
      );
    const gated = rule === 'gated' || rule === 'gated_delta';
    const delta = rule === 'delta' || rule === 'gated_delta';
    if (gated !== !!decay)
      throw new ValueError('linearAttention', 'decay', 'belongs to the gated rules', rule);
    if (delta !== !!beta) throw new ValueError('linearAttention', 'beta', 'belongs to the delta rules', rule);
    if (rule !== 'linear' && (z || !causal)) {
      const rest = 'goes with neither a normaliser nor causal: false';
      throw new ValueError('linearAttention', 'rule', rest, rule);
    }
    const out = [
      { shape: [B, L, H, Dv], dtype: 'f32' as const },
      { shape: [B, Hkv, D, Dv], dtype: 'f32' as const },
    ];
    return z ? [...out, { shape: [B, Hkv, D], dtype: 'f32' }] : out;
  },
  reference: referenceLinearAttention,
  gpujs: linearAttentionPlan,
  lower: lowerLinearAttention,
});

function referenceLinearAttention(
  inputs: { readonly [K in keyof LinearAttentionInputs]: HostArray },
  { feature, scale, eps, causal }: LinearAttentionParams,
): readonly Float64Array[] {
  const { q, k, v, decay, beta } = inputs;
  const [B, L, H, D] = q.shape as [number, number, number, number];
  const [, , Hkv, Dv] = v.shape as [number, number, number, number];
  const phi = (x: number): number => (feature === 'none' ? x : x > 0 ? x + 1 : Math.exp(x));
  const S = Float64Array.from(inputs.S.data); // [B, Hkv, D, Dv]
  const z = inputs.z && Float64Array.from(inputs.z.data); // [B, Hkv, D]
  const y = new Float64Array(B * L * H * Dv); // [B, L, H, Dv]

  const write = (b: number, t: number, g: number): void => {
    const row = (b * L + t) * Hkv + g;
    const head = b * Hkv + g;
    const kept = (d: number): number => {
      if (!decay) return 1;
      return Math.exp(decay.shape[3] === 1 ? decay.data[row]! : decay.data[row * D + d]!);
    };
    for (let d = 0; d < D; d++) for (let e = 0; e < Dv; e++) S[(head * D + d) * Dv + e]! *= kept(d);
    for (let e = 0; e < Dv; e++) {
      let value = v.data[row * Dv + e]!;
      if (beta) {
        for (let d = 0; d < D; d++) value -= S[(head * D + d) * Dv + e]! * phi(k.data[row * D + d]!);
        value *= beta.data[beta.shape[2] === 1 ? b * L + t : row]!;
      }
      for (let d = 0; d < D; d++) S[(head * D + d) * Dv + e]! += phi(k.data[row * D + d]!) * value;
    }
    if (z) for (let d = 0; d < D; d++) z[head * D + d]! += phi(k.data[row * D + d]!);
  };
  const read = (b: number, t: number, h: number): void => {
    const head = b * Hkv + Math.floor((h * Hkv) / H);
    const row = (b * L + t) * H + h;
    let norm = eps;
    if (z) for (let d = 0; d < D; d++) norm += phi(q.data[row * D + d]!) * z[head * D + d]!;
    for (let e = 0; e < Dv; e++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += phi(q.data[row * D + d]!) * S[(head * D + d) * Dv + e]!;
      y[row * Dv + e] = (scale * sum) / (z ? norm : 1);
    }
  };

  for (let b = 0; b < B; b++) {
    for (let t = 0; t < L; t++) {
      for (let g = 0; g < Hkv; g++) write(b, t, g);
      if (causal) for (let h = 0; h < H; h++) read(b, t, h);
    }
    if (!causal) for (let t = 0; t < L; t++) for (let h = 0; h < H; h++) read(b, t, h);
  }
  return z ? [y, S, z] : [y, S];
}

/** Results of linear attention: the output, and the state for the next call. */
export interface LinearAttentionResult {
  /** `[B, L, H, Dv]` */
  readonly out: Tensor<'B L H Dv'>;
  /** `[B, Hkv, D, Dv]` */
  readonly S: Tensor<'B Hkv D Dv'>;
  /** `[B, Hkv, D]`, where the output is normalised. */
  readonly z?: Tensor<'B Hkv D'>;
}

/**
 * Linear attention; shapes and formula at `linearAttentionOp`. Not normalised without `z`.
 *
 * @throws {ShapeError} if shapes disagree or `H` is not a multiple of `Hkv`.
 * @throws {ValueError} if `decay` or `beta` does not go with the rule.
 */
export function linearAttention(
  inputs: LinearAttentionInputs,
  {
    rule = 'linear',
    feature = 'none',
    scale = 1,
    eps = 0,
    causal = true,
  }: { readonly [Name in keyof LinearAttentionParams]?: LinearAttentionParams[Name] | undefined } = {},
): LinearAttentionResult {
  const [out, S, z] = run(linearAttentionOp, inputs, { rule, feature, scale, eps, causal });
  return { out, S, ...(z && { z }) } as LinearAttentionResult;
}
