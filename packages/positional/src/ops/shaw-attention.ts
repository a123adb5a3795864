import {
  bindAxes,
  defineOp,
  describeShapes,
  type HostArray,
  type OutputSpec,
  run,
  type ShapedInput,
  ShapeError,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import { shawPlan } from './shaw-attention-plan.ts';

/** Tensor arguments of attention with relative keys and values. */
export type ShawInputs = {
  /** `[B, Lq, H, D]` */
  q: Tensor;
  /** `[B, Lk, Hkv, D]` */
  k: Tensor;
  /** `[B, Lk, Hkv, Dv]` */
  v: Tensor;
  /** `[2c + 1, D]` */
  relativeKeys: Tensor;
  /** `[2c + 1, Dv]` */
  relativeValues?: Tensor | undefined;
  /** `[B | 1, Lq]` i32. Default `offset + i`. */
  queryPositions?: Tensor<string, 'i32'> | undefined;
  /** `[B | 1, Lk]` i32; −1 marks an empty slot. Default `j`. */
  keyPositions?: Tensor<string, 'i32'> | undefined;
};

/** Options of attention with relative keys and values, resolved. */
export interface ShawParams {
  readonly scale: number;
  readonly causal: boolean;
  /** Position of query 0. */
  readonly offset: number;
  /** Slots of k and v in use, `≤ Lk`. */
  readonly valid: number;
}

/**
 * Attention with Shaw's relative keys and values, tables shared by all heads.
 *
 * ```text
 * r(i, j)  = clamp(p_j − p_i, −c, c) + c                     row of both tables
 * s[b,h,i,j] = scale · q[b,i,h] · (k[b,j,⌊h·Hkv/H⌋] + relativeKeys[r(i, j)])
 * w        = softmax_j(s)                                    [B, H, Lq, Lk]
 * y[b,i,h] = Σ_j w · (v[b,j,⌊h·Hkv/H⌋] + relativeValues[r(i, j)])      [B, Lq, H, Dv]
 * ```
 *
 * Seen: `j < valid`, `p_j ≥ 0`, and `p_j ≤ p_i` if causal. A row that sees nothing is zero.
 *
 * Shaw, Uszkoreit & Vaswani 2018, "Self-Attention with Relative Position Representations", eq. 3 and 4.
 *
 * @throws {ShapeError} if the shapes do not fit, or H is no multiple of Hkv.
 * @throws {ValueError} if a table has an even number of rows, or a parameter is out of range.
 */
export const shawAttentionOp = defineOp<ShawInputs, ShawParams>({
  name: 'shaw-attention',
  dtypes: { queryPositions: 'i32', keyPositions: 'i32' },
  outputs: check,
  reference,
  gpujs: shawPlan,
});

/**
 * Runs `shawAttentionOp`.
 *
 * @returns out `[B, Lq, H, Dv]` and weights `[B, H, Lq, Lk]`
 * @throws {ShapeError | ValueError} as `shawAttentionOp`.
 */
export function shawAttention(
  inputs: ShawInputs,
  params: ShawParams,
): { readonly out: Tensor<'B Lq H Dv'>; readonly weights: Tensor<'B H Lq Lk'> } {
  const [out, weights] = run(shawAttentionOp, inputs, params);
  return { out: out as Tensor<'B Lq H Dv'>, weights: weights as Tensor<'B H Lq Lk'> };
}

type Shapes = { readonly [K in keyof ShawInputs]: ShapedInput };

function check(inputs: Shapes, { scale, offset, valid }: ShawParams): readonly OutputSpec[] {
  const { q, k, v, relativeKeys, relativeValues, queryPositions, keyPositions } = inputs;
  const orOne = (shaped: ShapedInput, L: string): string => `${shaped.shape[0] === 1 ? '1' : 'B'} ${L}`;
  const spec = {
    q: [q, 'B Lq H D'],
    k: [k, 'B Lk Hkv D'],
    v: [v, 'B Lk Hkv Dv'],
    relativeKeys: [relativeKeys, 'R D'],
    ...(relativeValues && { relativeValues: [relativeValues, 'R Dv'] as const }),
    ...(queryPositions && { queryPositions: [queryPositions, orOne(queryPositions, 'Lq')] as const }),
    ...(keyPositions && { keyPositions: [keyPositions, orOne(keyPositions, 'Lk')] as const }),
  } as const;
  const { B, H, Hkv, Lq, Lk, Dv, R } = bindAxes('shaw-attention', spec) as Record<string, number> & {
    readonly [Name in 'B' | 'H' | 'Hkv' | 'Lq' | 'Lk' | 'Dv' | 'R']: number;
  };
  if (Hkv === 0 || H % Hkv !== 0) {
    const problem = `H = ${H} query heads cannot be split into Hkv = ${Hkv} groups`;
    throw new ShapeError('shaw-attention', problem, describeShapes(spec), 'H');
  }
  const must = (ok: boolean, argument: string, rule: string, got: unknown): void => {
    if (!ok) throw new ValueError('shaw-attention', argument, rule, got);
  };
  must(
    R % 2 === 1,
    'relativeKeys',
    'must have an odd number of rows, one for each distance −c … c',
    `${R} rows`,
  );
  must(Number.isFinite(scale), 'scale', 'must be a finite number', scale);
  must(Number.isInteger(offset) && offset >= 0, 'causal.offset', 'must be a whole number ≥ 0', offset);
  must(
    Number.isInteger(valid) && valid >= 0 && valid <= Lk,
    'valid',
    `must be a whole number from 0 to Lk = ${Lk}`,
    valid,
  );
  return [
    { shape: [B, Lq, H, Dv], dtype: 'f32' },
    { shape: [B, H, Lq, Lk], dtype: 'f32' },
  ];
}

function reference(
  inputs: { readonly [K in keyof ShawInputs]: HostArray },
  { scale, causal, offset, valid }: ShawParams,
): readonly Float64Array[] {
  const { q, k, v, relativeKeys, relativeValues, queryPositions, keyPositions } = inputs;
  const [B, Lq, H, D] = q.shape as [number, number, number, number];
  const [, Lk, Hkv, Dv] = v.shape as [number, number, number, number];
  const c = (relativeKeys.shape[0]! - 1) / 2;
  const out = new Float64Array(B * Lq * H * Dv); // [B, Lq, H, Dv]
  const weights = new Float64Array(B * H * Lq * Lk); // [B, H, Lq, Lk]
  const read = (rows: HostArray | undefined, b: number, n: number, fallback: number): number =>
    rows ? rows.data[(rows.shape[0] === 1 ? 0 : b) * rows.shape[1]! + n]! : fallback;

  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvHead = Math.floor((h * Hkv) / H);
      for (let i = 0; i < Lq; i++) {
        const query = read(queryPositions, b, i, offset + i);
        const qRow = ((b * Lq + i) * H + h) * D;
        const scores = new Float64Array(Lk).fill(-Infinity);
        const relative = new Int32Array(Lk);
        for (let j = 0; j < valid; j++) {
          const key = read(keyPositions, b, j, j);
          if (key < 0 || (causal && key > query)) continue;
          relative[j] = Math.min(c, Math.max(-c, key - query)) + c;
          const kRow = ((b * Lk + j) * Hkv + kvHead) * D;
          let dot = 0;
          for (let d = 0; d < D; d++)
            dot += q.data[qRow + d]! * (k.data[kRow + d]! + relativeKeys.data[relative[j]! * D + d]!);
          scores[j] = dot * scale;
        }
        const row = softmaxRow(scores);
        weights.set(row, ((b * H + h) * Lq + i) * Lk);
        const outRow = ((b * Lq + i) * H + h) * Dv;
        for (let j = 0; j < Lk; j++) {
          if (scores[j] === -Infinity) continue; // what a hidden key holds, NaN included, changes nothing
          const vRow = ((b * Lk + j) * Hkv + kvHead) * Dv;
          for (let d = 0; d < Dv; d++)
            out[outRow + d]! +=
              row[j]! * (v.data[vRow + d]! + (relativeValues?.data[relative[j]! * Dv + d] ?? 0));
        }
      }
    }
  }
  return [out, weights];
}

/** Softmax of one row; −∞ gets 0, and a row of nothing else stays zero. */
function softmaxRow(scores: Float64Array): Float64Array {
  const max = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  if (max === -Infinity) return new Float64Array(scores.length);
  const exps = scores.map((s) => Math.exp(s - max));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
}
