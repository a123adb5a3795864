import { ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkAttention } from './attention-check.ts';
import type { AttentionExtra, AttentionInputs, AttentionParams } from './attention-form.ts';
import { referenceAttention } from './attention-reference.ts';
import type { Modifier } from './modifier.ts';

export type { AttentionExtra, AttentionInputs, AttentionParams } from './attention-form.ts';

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
 * Seen: `j < valid`, `p_j ≥ 0`, `p_j ≤ p_i` or `p_j < prefix` if causal, `p_i − p_j` inside the window or
 * `p_j < sinkTokens`, `p_i ≤ keyUntil[j]`, in the query's segment or an anchor, the bias is not −∞ (whatever a modifier
 * makes of the score), and every mask modifier says 1. A row that sees nothing is zero. What stands in a hidden key or
 * value, NaN and infinity included, changes nothing. NaN in a seen key or in a query gives NaN.
 *
 * Vaswani et al. 2017, "Attention Is All You Need", eq. 1.
 */
export const attentionOp = defineOp<AttentionInputs, AttentionParams>({
  name: 'attention',
  dtypes: { queryPositions: 'i32', keyPositions: 'i32', keyUntil: 'i32', cursor: 'i32' },
  outputs: checkAttention,
  reference: referenceAttention,
  gradient: {
    refuses: ({ modifiers }, oracle) =>
      oracle
        ? []
        : modifiers.map(
            ({ kind }) => `a ${kind} modifier is user code, whose gradient the reference alone computes`,
          ),
    taped: (params) =>
      params.extras.includes('lse') ? params : { ...params, extras: [...params.extras, 'lse'] },
    keeps: (_, { extras }) => [
      ...tensorArguments,
      0,
      1 + (extras.includes('lse') ? extras.indexOf('lse') : extras.length),
    ],
    rule({ inputs, params, dy, gradients, result, wants }, ops) {
      const at = 1 + params.extras.indexOf('lse');
      const other = params.extras.find((name, i) => name !== 'lse' && gradients[1 + i]);
      if (other)
        throw new ValueError(
          'attention',
          other,
          'has no gradient: use the output, or stopGradient it',
          'one',
        );
      const asked = (['q', 'k', 'v', 'bias', 'slopes', 'sinks'] as const).filter(wants);
      const call = { ...inputs, y: result(0), lse: result(at), dy, dlse: gradients[at] };
      const found = ops.run('attentionGradient', call, { ...params, extras: [], wants: asked });
      return Object.fromEntries(asked.map((name, i) => [name, found[i]]));
    },
  },
});

/** What a score follows from. */
const tensorArguments = [
  'q',
  'k',
  'v',
  'bias',
  'slopes',
  'sinks',
  'queryPositions',
  'keyPositions',
  'keyUntil',
  'cursor',
] as const;

/** Options of `attention`; all have a default. */
export interface AttentionOptions {
  /** Default `1 / √D`. */
  readonly scale?: number | undefined;
  /** `true`, or the position of query 0 when the keys of earlier steps stand before it. Default no causal mask. */
  readonly causal?: boolean | { readonly offset: number } | undefined;
  /** Keys at positions below this are seen by every query, however early. Default 0: none. */
  readonly prefix?: number | undefined;
  /**
   * `[before, after]`: a key is seen when `−after ≤ q − k ≤ before`. Mistral's window of W tokens with the
   * query's own is `[W − 1, 0]`.
   */
  readonly window?: readonly [before: number, after: number] | undefined;
  readonly sinkTokens?: number | undefined;
  /** Cuts positions into segments of `length`: a key is seen from its own (and, if it is the last one, from later ones). */
  readonly segments?: { readonly length: number; readonly anchors: boolean } | undefined;
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
 * @throws what `attention` throws.
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
  const [out, ...rest] = run(attentionOp, inputs, resolve(inputs, options, extras));
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
    prefix: options.prefix ?? 0,
    segment: options.segments?.length ?? 0,
    anchors: options.segments?.anchors ?? false,
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
