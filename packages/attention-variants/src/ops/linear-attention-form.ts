import type { Tensor } from '@headwise/tensor';

/** How a token changes the state. */
export type UpdateRule =
  /** `S ← S + φ(k) · vᵀ` */
  | 'linear'
  /** `S ← exp(decay) ∘ S + k · vᵀ` (GLA, RetNet, Mamba-2) */
  | 'gated'
  /** `S ← S + k · (beta · (v − Sᵀk))ᵀ` (DeltaNet) */
  | 'delta'
  /** decay, then delta (Gated DeltaNet) */
  | 'gated_delta';

/** Tensor arguments of linear attention. */
export type LinearAttentionInputs = {
  /** `[B, L, H, D]` */
  readonly q: Tensor<'B L H D'>;
  /** `[B, L, Hkv, D]`; query head h reads the state of head ⌊h · Hkv / H⌋ */
  readonly k: Tensor<'B L Hkv D'>;
  /** `[B, L, Hkv, Dv]` */
  readonly v: Tensor<'B L Hkv Dv'>;
  /** `[B, Hkv, D, Dv]`, what earlier tokens left */
  readonly S: Tensor<'B Hkv D Dv'>;
  /** `[B, Hkv, D]`, the sum of φ(k) of earlier tokens, where the output is normalised */
  readonly z?: Tensor<'B Hkv D'> | undefined;
  /** `[B, L, Hkv, D | 1]`, natural logarithm of what is kept, for the gated rules */
  readonly decay?: Tensor | undefined;
  /** `[B, L, Hkv | 1]`, how much of a value is written, for the delta rules */
  readonly beta?: Tensor | undefined;
};

/** What linear attention computes. */
export interface LinearAttentionParams {
  readonly rule: UpdateRule;
  /** φ of queries and keys: `elu(x) + 1`, which is positive, or none. */
  readonly feature: 'none' | 'elu+1';
  /** Multiplies the output. */
  readonly scale: number;
  /** Added to the normaliser. */
  readonly eps: number;
  /** A token sees itself and earlier ones; else all of this call (rule `linear` only). */
  readonly causal: boolean;
}
