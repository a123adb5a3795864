import {
  add,
  bindAxes,
  concat,
  defineOp,
  multiply,
  run,
  silu,
  slice,
  type Tensor,
  ValueError,
} from '@headwise/tensor';

type Inputs = { readonly x: Tensor; readonly tail: Tensor; readonly weight: Tensor };

/**
 * The short convolution before a recurrence: each channel is mixed with its own last W tokens, then SiLU.
 *
 * ```text
 * x      [B, L, C]
 * tail   [B, W − 1, C]   the rows before x; zeros where a text begins
 * weight [C, W]          the last column is the token's own
 * y[t] = silu(Σ_j weight[:, j] · rows[t + j]),   rows = tail, then x
 * → y [B, L, C], tail [B, W − 1, C]              the last rows, for the next call
 * ```
 *
 * Time `O(B · L · C · W)`. Gu & Dao 2023, "Mamba", section 3.4; Yang et al. 2024, "Gated Delta Networks", section 3.4.
 */
export const shortConvolutionOp = defineOp<Inputs, Record<never, never>>({
  name: 'shortConvolution',
  outputs({ x, tail, weight }) {
    const { B, L, C, W } = bindAxes('shortConvolution', { x: [x, 'B L C'], weight: [weight, 'C W'] });
    const { P } = bindAxes('shortConvolution', { x: [x, 'B L C'], tail: [tail, 'B P C'] });
    if (W < 2 || P !== W - 1) {
      const rule = `must hold the W − 1 rows before x, of a weight [C, W = ${W}] with W ≥ 2`;
      throw new ValueError('shortConvolution', 'tail', rule, `${P} rows`);
    }
    return [
      { shape: [B, L, C], dtype: 'f32' },
      { shape: [B, P, C], dtype: 'f32' },
    ];
  },
  reference({ x, tail, weight }) {
    const [B, L, C] = x.shape as [number, number, number];
    const W = weight.shape[1]!;
    const P = W - 1;
    const row = (b: number, t: number, c: number): number =>
      t < P ? tail.data[(b * P + t) * C + c]! : x.data[(b * L + t - P) * C + c]!;
    const y = new Float64Array(B * L * C); // [B, L, C]
    const last = new Float64Array(B * P * C); // [B, W − 1, C]
    for (let b = 0; b < B; b++) {
      for (let c = 0; c < C; c++) {
        for (let t = 0; t < L; t++) {
          let sum = 0;
          for (let j = 0; j < W; j++) sum += weight.data[c * W + j]! * row(b, t + j, c);
          y[(b * L + t) * C + c] = sum / (1 + Math.exp(-sum));
        }
        for (let t = 0; t < P; t++) last[(b * P + t) * C + c] = row(b, L + t, c);
      }
    }
    return [y, last];
  },
  gpujs({ x, weight }) {
    const [B, L, C] = x.shape as [number, number, number];
    const W = weight.shape[1]!;
    const constants = { C, W, P: W - 1 };
    const length = { integer: L };
    return {
      steps: [
        {
          name: 'y',
          source: mixedSource,
          constants,
          args: ['x', 'tail', 'weight', length],
          length: B * L * C,
          threads: [C, L, B],
        },
        {
          name: 'last',
          source: lastSource,
          constants,
          args: ['x', 'tail', length],
          length: B * (W - 1) * C,
          threads: [C, W - 1, B],
        },
      ],
      outputs: ['y', 'last'],
    };
  },
  lower({ x, tail, weight }) {
    const [B, L, C] = x.shape as [number, number, number];
    const W = weight.shape[1]!;
    const P = W - 1;
    const rows = concat(tail.reshape([B, P * C]), x.reshape([B, L * C]));
    const last = slice(rows, L * C, P * C).reshape([B, P, C]);
    if (L === 0) return [silu(x), last];
    const shifted = (j: number): Tensor =>
      multiply(slice(rows, j * C, L * C).reshape([B, L, C]), slice(weight, j, 1).reshape([C]));
    let sum = shifted(0);
    for (let j = 1; j < W; j++) sum = add(sum, shifted(j));
    return [silu(sum), last];
  },
});

/** Token `at` of the call, or of those before it. */
const rowAt = `
      let value = 0.0;
      if (at >= 0) {
        value = x[(b * L + at) * this.constants.C + c];
      } else {
        value = tail[(b * this.constants.P + at + this.constants.P) * this.constants.C + c];
      }`;

const mixedSource = `function (x, tail, weight, L) {
    const c = this.thread.x; const t = this.thread.y; const b = this.thread.z;
    let sum = 0.0;
    for (let j = 0; j < this.constants.W; j++) {
      const at = t + j - this.constants.P;${rowAt}
      sum += weight[c * this.constants.W + j] * value;
    }
    return sum / (1.0 + Math.exp(-sum));
  }`;

const lastSource = `function (x, tail, L) {
    const c = this.thread.x; const t = this.thread.y; const b = this.thread.z;
    const at = L + t - this.constants.P;${rowAt}
    return value;
  }`;

/** Results of the short convolution: what it makes of the tokens, and the rows that the next call needs. */
export interface ShortConvolutionResult {
  /** `[B, L, C]` */
  readonly y: Tensor<'B L C'>;
  /** `[B, W − 1, C]` */
  readonly tail: Tensor<'B P C'>;
}

/**
 * A causal convolution of each channel by itself, then SiLU; shapes and formula at `shortConvolutionOp`.
 *
 * @throws {ShapeError} if channels or sequences disagree.
 * @throws {ValueError} if the tail does not hold as many rows as the weight reaches back.
 */
export function shortConvolution(x: Tensor, tail: Tensor, weight: Tensor): ShortConvolutionResult {
  const [y, last] = run(shortConvolutionOp, { x, tail, weight }, {});
  return { y, tail: last } as ShortConvolutionResult;
}
