import type { DType } from '../device/device.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkAttention } from './attention-check.ts';
import { referenceAttention } from './attention-reference.ts';
import type { Modifier } from './modifier.ts';

/** Tensor arguments of attention. */
export type AttentionInputs = {
  /** `[B, Lq, H, D]` */
  readonly q: Tensor<'B Lq H D'>;
  /** `[B, Lk, Hkv, D]`; query head h reads key head ⌊h · Hkv / H⌋. May be longer than `valid`: a cache's buffer. */
  readonly k: Tensor<'B Lk Hkv D'>;
  /** `[B, Lk, Hkv, Dw]` with `Dw ≥ Dv`; may be the tensor of `k` (multi-head latent attention). */
  readonly v: Tensor<'B Lk Hkv Dv'>;
  /** Added to the scores: `[B | 1, H | 1, Lq, Lk]`; −Infinity hides a key. */
  readonly bias?: Tensor<'B H Lq Lk'> | undefined;
  /** ALiBi slopes `[H]`: subtracts `slope · |q − k|` of positions. */
  readonly slopes?: Tensor<'H'> | undefined;
  /** Learned sink logits `[H]`: one more column in the softmax, which adds no value (gpt-oss). */
  readonly sinks?: Tensor<'H'> | undefined;
  /** Positions of the queries, `[B | 1, Lq]` i32. Default `offset + i`. */
  readonly queryPositions?: Tensor<'B Lq', 'i32'> | undefined;
  /** Positions of the keys, `[B | 1, Lk]` i32; −1 marks an empty slot, never seen. Default `j`. */
  readonly keyPositions?: Tensor<'B Lk', 'i32'> | undefined;
  /** Last query position that sees each key, `[B | 1, Lk]` i32: segments that end, evicted tokens. */
  readonly keyUntil?: Tensor<'B Lk', 'i32'> | undefined;
};

/** What a call can return beside the output, at the cost of materialising it. */
export type AttentionExtra =
  /** `[B, H, Lq]`, natural log of Σ exp(score), sinks included; −Infinity for a row that sees nothing */
  | 'lse'
  /** `[B, H, Lq, Lk]` after the softmax */
  | 'weights'
  /** `[B, H, Lq, Lk]` scaled dot products, nothing else */
  | 'raw'
  /** `[B, H, Lq, Lk]` after the softcap */
  | 'capped'
  /** `[B, H, Lq, Lk]` after bias, modifiers and masks; −Infinity where hidden */
  | 'scores';

/** Declared parts of attention, resolved. */
export interface AttentionParams {
  /** Multiplies the dot products. */
  readonly scale: number;
  /** Query at position p sees keys at positions ≤ p. */
  readonly causal: boolean;
  /** Position of query 0. */
  readonly offset: number;
  /** A key at distance `q − k` is seen when `−after ≤ q − k ≤ before`; Infinity for no bound. */
  readonly before: number;
  readonly after: number;
  /** Keys at positions below this are seen whatever the window says (StreamingLLM); causality still holds. */
  readonly sinkTokens: number;
  /** `c · tanh(s / c)` after the scale, before everything else; 0 for none. */
  readonly softcap: number;
  /** Slots of k and v in use, `≤ Lk`. */
  readonly valid: number;
  /** Width of a value: the first `Dv` numbers of each row of v. */
  readonly Dv: number;
  readonly modifiers: readonly Modifier[];
  readonly extras: readonly AttentionExtra[];
}

/**
 * Scaled dot-product attention, the fused operation that every softmax variant is wired to.
 *
 * ```text
 * s[b,h,i,j] = scale · q[b,i,h] · k[b,j,⌊h·Hkv/H⌋]            raw
 * s          = softcap · tanh(s / softcap)                     capped
 * s          = s − slope[h]·|p_i − p_j| + bias[b,h,i,j]
 * s          = score modifiers, in order
 * s          = −∞ where hidden                                 scores
 * y[b,i,h]   = Σ_j softmax_j(s, sink[h]) · v[b,j,⌊h·Hkv/H⌋]    [B, Lq, H, Dv]
 * ```
 *
 * Seen: `j < valid`, `p_j ≥ 0`, `p_j ≤ p_i` if causal, `p_i − p_j` inside the window or `p_j < sinkTokens`,
 * `p_i ≤ keyUntil[j]`, the bias is not −∞ (whatever a modifier makes of the score), and every mask modifier says 1. A
 * row that sees nothing is zero. What stands in a hidden key or value, NaN and infinity included, changes nothing. NaN
 * in a seen key or in a query gives NaN.
 *
 * Vaswani et al. 2017, "Attention Is All You Need", eq. 1.
 */
export const attentionOp = defineOp<AttentionInputs, AttentionParams>({
  name: 'attention',
  outputs: checkAttention,
  reference: referenceAttention,
});

/** Options of `attention`; all have a default. */
export interface AttentionOptions {
  /** Default `1 / √D`. */
  readonly scale?: number | undefined;
  /** `true`, or the position of query 0 when the keys of earlier steps stand before it. Default no causal mask. */
  readonly causal?: boolean | { readonly offset: number } | undefined;
  /**
   * `[before, after]`: a key is seen when `−after ≤ q − k ≤ before`. Mistral's window of W tokens with the
   * query's own is `[W − 1, 0]`.
   */
  readonly window?: readonly [before: number, after: number] | undefined;
  readonly sinkTokens?: number | undefined;
  readonly softcap?: number | undefined;
  readonly valid?: number | undefined;
  /** Width of a value when the rows of v are wider. */
  readonly valueWidth?: number | undefined;
  readonly modifiers?: readonly Modifier[] | undefined;
}

/**
 * Scaled dot-product attention; shapes and formula at `attentionOp`.
 *
 * @returns `[B, Lq, H, Dv]`
 * @throws {ShapeError} if shapes disagree or `H` is not a multiple of `Hkv`.
 * @throws {ValueError} if an option is out of range.
 * @throws {DeviceError} if a tensor is disposed or on another device, or the device cannot do what is asked for.
 */
export function attention(inputs: AttentionInputs, options: AttentionOptions = {}): Tensor<'B Lq H Dv'> {
  return run(attentionOp, inputs, resolve(inputs, options, []))[0] as Tensor<'B Lq H Dv'>;
}

/**
 * Attention that also returns what it is asked for: weights, log-sum-exp (natural log), scores.
 *
 * @example
 * const { out, weights } = attentionWith({ q, k, v }, { causal: true }, ['weights']);
 *
 * @throws {ShapeError} if shapes disagree or `H` is not a multiple of `Hkv`.
 * @throws {ValueError} if an option is out of range.
 * @throws {DeviceError} if a tensor is disposed or on another device, or the device cannot do what is asked for.
 */
export function attentionWith<const Extra extends AttentionExtra>(
  inputs: AttentionInputs,
  options: AttentionOptions,
  extras: readonly Extra[],
): { readonly out: Tensor<'B Lq H Dv'> } & { readonly [Name in Extra]: Tensor } {
  const [out, ...rest]: Tensor<string, DType>[] = run(attentionOp, inputs, resolve(inputs, options, extras));
  return { out, ...Object.fromEntries(extras.map((name, i) => [name, rest[i]])) } as never;
}

function resolve(
  inputs: AttentionInputs,
  options: AttentionOptions,
  extras: readonly AttentionExtra[],
): AttentionParams {
  const { causal = false, window = [Infinity, Infinity] } = options;
  return {
    scale: options.scale ?? 1 / Math.sqrt(inputs.q.shape[3] ?? 1),
    causal: causal !== false,
    offset: typeof causal === 'object' ? causal.offset : 0,
    before: window[0],
    after: window[1],
    sinkTokens: options.sinkTokens ?? 0,
    softcap: options.softcap ?? 0,
    valid: options.valid ?? inputs.k.shape[1] ?? 0,
    Dv: options.valueWidth ?? inputs.v.shape[3] ?? 0,
    modifiers: options.modifiers ?? [],
    extras,
  };
}
