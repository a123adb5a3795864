import type { HostArray, ShapedInput } from '../contracts/device.ts';
import { defineOp } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { checkAttention } from './attention-check.ts';
import type { AttentionInputs, AttentionParams } from './attention-form.ts';
import { lowerAttentionGradient } from './attention-gradient-lower.ts';
import { positionReader, type Row, rowScorer } from './attention-reference.ts';
import { hostModifier } from './modifier.ts';
import { f32 } from './rows.ts';

/** An argument of attention that has a gradient. */
export type AttentionWanted = 'q' | 'k' | 'v' | 'bias' | 'slopes' | 'sinks';

/** Tensor arguments of the gradient of attention: those of attention, and what it returned and gets back. */
export type AttentionGradientInputs = AttentionInputs & {
  /** `[B, Lq, H, Dv]`, the output of attention */
  readonly y: Tensor<'B Lq H Dv'>;
  /** `[B, H, Lq]`, its log-sum-exp */
  readonly lse: Tensor<'B H Lq'>;
  /** `[B, Lq, H, Dv]` */
  readonly dy: Tensor<'B Lq H Dv'>;
  /** `[B, H, Lq]`, the gradient of the log-sum-exp, where it was used */
  readonly dlse?: Tensor<'B H Lq'> | undefined;
};

/** Declared parts of attention, and which gradients to compute. */
export interface AttentionGradientParams extends AttentionParams {
  readonly wants: readonly AttentionWanted[];
}

/**
 * The gradients of attention, in the order of `wants`, each of the shape of its argument. Scores are computed again from
 * the log-sum-exp, so that nothing of size `Lq × Lk` is kept; with `s`, `raw` and `capped` of `attentionOp`:
 *
 * ```text
 * p[i,j]    = exp(s[i,j] − lse[i])
 * δ[i]      = dy[i] · y[i] − dlse[i]
 * ds[i,j]   = p[i,j] · (dy[i] · v[j] − δ[i])
 * dv[j]     = Σ_i p[i,j] · dy[i]                 over the query heads of a group, too
 * dbias     = ds, summed where bias was repeated
 * dslope[h] = −Σ ds[i,j] · |p_i − p_j|
 * dsink[h]  = −Σ_i exp(sink[h] − lse[i]) · δ[i]
 * draw[i,j] = ds[i,j] · (1 − (capped / softcap)²) · scale
 * dq[i]     = Σ_j draw[i,j] · k[j],   dk[j] = Σ_i draw[i,j] · q[i]
 * ```
 *
 * A hidden key, whatever it holds, gets 0 and changes nothing. The derivative of a score modifier, which is user code,
 * is a central difference here.
 *
 * Dao et al. 2022, "FlashAttention", algorithm 4; Dao 2023, "FlashAttention-2", section 3.1.
 */
export const attentionGradientOp = defineOp<AttentionGradientInputs, AttentionGradientParams>({
  name: 'attentionGradient',
  dtypes: { queryPositions: 'i32', keyPositions: 'i32', keyUntil: 'i32', cursor: 'i32' },
  outputs(inputs, params) {
    checkAttention(inputs, params);
    return params.wants.map((name) => f32((inputs as Record<string, ShapedInput>)[name]!.shape));
  },
  reference: referenceGradient,
  lower: lowerAttentionGradient,
});

function referenceGradient(
  inputs: { readonly [K in keyof AttentionGradientInputs]: HostArray },
  params: AttentionGradientParams,
): readonly Float64Array[] {
  const { q, k, v, bias, sinks, y, lse, dy, dlse } = inputs;
  const [B, Lq, H, D] = q.shape as [number, number, number, number];
  const [, Lk, Hkv, width] = v.shape as [number, number, number, number];
  const { Dv, scale, softcap, wants } = params;
  const scoreRow = rowScorer(inputs as never, params);
  const position = positionReader(inputs as never, params);
  const bend = modifierSlope(params);
  const made = Object.fromEntries(
    Object.entries(inputs).map(([name, { data }]) => [
      name,
      new Float64Array((wants as readonly string[]).includes(name) ? data.length : 0),
    ]),
  ) as Record<AttentionWanted, Float64Array>;
  const add = (name: AttentionWanted, at: number, value: number): void => {
    if (wants.includes(name)) made[name][at]! += value;
  };
  const row: Required<Row> = {
    raw: new Float64Array(Lk),
    capped: new Float64Array(Lk),
    biased: new Float64Array(Lk),
    scores: new Float64Array(Lk),
  };

  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvHead = Math.floor((h * Hkv) / H);
      for (let i = 0; i < Lq; i++) {
        scoreRow(b, h, i, row);
        const cell = (b * H + h) * Lq + i;
        const sum = lse.data[cell]!;
        if (sum === -Infinity) continue; // sees nothing
        const qRow = ((b * Lq + i) * H + h) * D;
        const yRow = ((b * Lq + i) * H + h) * Dv;
        let delta = dlse ? -dlse.data[cell]! : 0;
        for (let d = 0; d < Dv; d++) delta += dy.data[yRow + d]! * y.data[yRow + d]!;
        if (sinks) add('sinks', h, -Math.exp(sinks.data[h]! - sum) * delta);
        const p = position.q(b, i);
        for (let j = 0; j < Lk; j++) {
          if (row.scores[j] === -Infinity) continue; // hidden
          const weight = Math.exp(row.scores[j]! - sum);
          const vRow = ((b * Lk + j) * Hkv + kvHead) * width;
          let dp = 0;
          for (let d = 0; d < Dv; d++) {
            dp += dy.data[yRow + d]! * v.data[vRow + d]!;
            add('v', vRow + d, weight * dy.data[yRow + d]!);
          }
          const kp = position.k(b, j);
          const ds = weight * (dp - delta) * bend(row.biased[j]!, b, h, p, kp);
          add('slopes', h, -ds * Math.abs(p - kp));
          if (bias) {
            const plane = (bias.shape[0] === 1 ? 0 : b) * bias.shape[1]! + (bias.shape[1] === 1 ? 0 : h);
            add('bias', (plane * Lq + i) * Lk + j, ds);
          }
          const draw = ds * (softcap > 0 ? 1 - (row.capped[j]! / softcap) ** 2 : 1) * scale;
          const kRow = ((b * Lk + j) * Hkv + kvHead) * D;
          for (let d = 0; d < D; d++) {
            add('q', qRow + d, draw * k.data[kRow + d]!);
            add('k', kRow + d, draw * q.data[qRow + d]!);
          }
        }
      }
    }
  }
  return wants.map((name) => made[name]);
}

/** What a small change of a score becomes after all modifiers, by a central difference. */
function modifierSlope({
  modifiers,
}: AttentionParams): (s: number, b: number, h: number, q: number, k: number) => number {
  const scores = modifiers.filter(({ kind }) => kind === 'score').map(hostModifier);
  if (scores.length === 0) return () => 1;
  const all = (s: number, ...at: number[]): number => scores.reduce((value, score) => score(value, ...at), s);
  return (s, ...at) => {
    const step = 1e-5 * Math.max(1, Math.abs(s));
    return (all(s + step, ...at) - all(s - step, ...at)) / (2 * step);
  };
}
