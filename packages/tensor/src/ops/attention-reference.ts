import type { HostArray } from '../contracts/device.ts';
import type { AttentionExtra, AttentionInputs, AttentionParams } from './attention-form.ts';
import { hostModifier } from './modifier.ts';

type Host = { readonly [K in keyof AttentionInputs]: HostArray };

/** One query row at a time: every score, its softmax, the weighted sum of the values. */
export function referenceAttention(inputs: Host, params: AttentionParams): readonly Float64Array[] {
  const { q, v, sinks } = inputs;
  const [B, Lq, H] = q.shape as [number, number, number];
  const [, Lk, Hkv, width] = v.shape as [number, number, number, number];
  const { Dv, extras } = params;
  const scoreRow = rowScorer(inputs, params);

  const out = new Float64Array(B * Lq * H * Dv); // [B, Lq, H, Dv]
  const lse = new Float64Array(B * H * Lq); // [B, H, Lq]
  const perScore = (name: AttentionExtra) => new Float64Array(extras.includes(name) ? B * H * Lq * Lk : 0); // [B, H, Lq, Lk]
  const kept = {
    weights: perScore('weights'),
    raw: perScore('raw'),
    capped: perScore('capped'),
    scores: perScore('scores'),
  };
  const row = {
    raw: new Float64Array(Lk),
    capped: new Float64Array(Lk),
    scores: new Float64Array(Lk),
    weights: new Float64Array(Lk),
  };

  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvHead = Math.floor((h * Hkv) / H);
      for (let i = 0; i < Lq; i++) {
        scoreRow(b, h, i, row);
        lse[(b * H + h) * Lq + i] = softmaxRow(row.scores, row.weights, sinks ? sinks.data[h]! : -Infinity);
        const outRow = ((b * Lq + i) * H + h) * Dv;
        for (let j = 0; j < Lk; j++) {
          if (row.scores[j] === -Infinity) continue;
          const vRow = ((b * Lk + j) * Hkv + kvHead) * width;
          for (let d = 0; d < Dv; d++) out[outRow + d]! += row.weights[j]! * v.data[vRow + d]!;
        }
        for (const name of ['raw', 'capped', 'scores', 'weights'] as const) {
          if (kept[name].length > 0) kept[name].set(row[name], ((b * H + h) * Lq + i) * Lk);
        }
      }
    }
  }
  return [out, ...extras.map((name) => (name === 'lse' ? lse : kept[name]))];
}

/** One row of scores `[Lk]`, before and after each of its parts. */
export interface Row {
  readonly raw: Float64Array;
  readonly capped: Float64Array;
  /** With slopes and bias, before the modifiers. */
  readonly biased?: Float64Array;
  readonly scores: Float64Array;
}

/** Fills one row `[Lk]` of scores: dot products, softcap, biases, modifiers, and −∞ where the key is hidden. Never throws. */
export function rowScorer(
  inputs: Host,
  params: AttentionParams,
): (b: number, h: number, i: number, row: Row) => void {
  const { q, k, bias, slopes } = inputs;
  const [, Lq, H, D] = q.shape as [number, number, number, number];
  const [, Lk, Hkv] = k.shape as [number, number, number];
  const { scale, softcap } = params;
  const scoreMods = params.modifiers.filter(({ kind }) => kind === 'score').map(hostModifier);
  const position = positionReader(inputs, params);
  const seen = visibility(inputs, params);
  const biasAt = bias && {
    b: bias.shape[0] === 1 ? 0 : bias.shape[1]! * Lq * Lk,
    h: bias.shape[1] === 1 ? 0 : Lq * Lk,
  };

  return (b, h, i, row) => {
    const qRow = ((b * Lq + i) * H + h) * D;
    const kvHead = Math.floor((h * Hkv) / H);
    const qPosition = position.q(b, i);
    for (let j = 0; j < Lk; j++) {
      const kPosition = position.k(b, j);
      const kRow = ((b * Lk + j) * Hkv + kvHead) * D;
      let dot = 0;
      for (let d = 0; d < D; d++) dot += q.data[qRow + d]! * k.data[kRow + d]!;
      let s = dot * scale;
      row.raw[j] = s;
      if (softcap > 0) s = softcap * Math.tanh(s / softcap);
      row.capped[j] = s;
      if (slopes) s -= slopes.data[h]! * Math.abs(qPosition - kPosition);
      const more = bias && biasAt ? bias.data[b * biasAt.b + h * biasAt.h + i * Lk + j]! : 0;
      s += more;
      if (row.biased) row.biased[j] = s;
      for (const score of scoreMods) s = score(s, b, h, qPosition, kPosition);
      const visible = more !== -Infinity && seen(b, h, j, qPosition, kPosition);
      row.scores[j] = visible ? s : -Infinity;
    }
  };
}

/** Where query i and key j of sequence b stand. Never throws. */
export function positionReader(
  { q, k, queryPositions, keyPositions, cursor }: Host,
  params: AttentionParams,
) {
  const offset = cursor ? cursor.data[0]! : params.offset;
  const Lq = q.shape[1]!;
  const Lk = k.shape[1]!;
  return {
    q: (b: number, i: number) =>
      queryPositions ? queryPositions.data[(queryPositions.shape[0] === 1 ? 0 : b) * Lq + i]! : offset + i,
    k: (b: number, j: number) =>
      keyPositions ? keyPositions.data[(keyPositions.shape[0] === 1 ? 0 : b) * Lk + j]! : j,
  };
}

/** The one predicate for prefill, chunked prefill and decode. */
function visibility({ k, keyUntil, cursor }: Host, params: AttentionParams) {
  const { causal, prefix, segment, anchors, before, after, sinkTokens } = params;
  const elsewhere = (q: number, k: number): boolean =>
    Math.floor(q / segment) !== Math.floor(k / segment) && !(anchors && k % segment === segment - 1);
  const valid = cursor ? cursor.data[1]! : params.valid;
  const Lk = k.shape[1]!;
  const masks = params.modifiers.filter(({ kind }) => kind === 'mask').map(hostModifier);
  return (b: number, h: number, j: number, qPosition: number, kPosition: number): boolean => {
    const distance = qPosition - kPosition;
    if (j >= valid || kPosition < 0) return false;
    if (causal && distance < 0 && kPosition >= prefix) return false;
    if ((distance > before || distance < -after) && kPosition >= sinkTokens) return false;
    if (segment > 0 && elsewhere(qPosition, kPosition)) return false;
    if (keyUntil && qPosition > keyUntil.data[(keyUntil.shape[0] === 1 ? 0 : b) * Lk + j]!) return false;
    return masks.every((mask) => mask(b, h, qPosition, kPosition) !== 0);
  };
}

/** Softmax of one row with one more column `sink`; returns ln Σ exp. A row that sees nothing gets weights 0. */
function softmaxRow(scores: Float64Array, weights: Float64Array, sink: number): number {
  let max = sink;
  for (const s of scores) if (s > max) max = s;
  const sawNaN = scores.some(Number.isNaN);
  if (max === -Infinity && !sawNaN) {
    weights.fill(0);
    return -Infinity;
  }
  let sum = Math.exp(sink - max);
  for (const s of scores) sum += s === -Infinity ? 0 : Math.exp(s - max);
  for (let j = 0; j < scores.length; j++)
    weights[j] = scores[j] === -Infinity ? 0 : Math.exp(scores[j]! - max) / sum;
  return max + Math.log(sum);
}
