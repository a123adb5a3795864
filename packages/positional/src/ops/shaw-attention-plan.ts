import type { KernelPlan, KernelScalar, OutputSpec, ShapedInput } from '@headwise/tensor';
import type { ShawInputs, ShawParams } from './shaw-attention.ts';

type Shapes = { readonly [K in keyof ShawInputs]: ShapedInput };

/** Stands for −∞, which GPUs do not subtract reliably. */
const HIDDEN = -1e30;

/**
 * Four kernels: scores, the largest and the sum of each row, weights, output. Positions are read by the first and
 * the last; a hidden score is a sentinel, so that the others need no masks. Comparisons are such that a NaN in a
 * seen key stays NaN.
 */
export function shawPlan(
  inputs: Shapes,
  { scale, causal, offset, valid }: ShawParams,
  outputs: readonly OutputSpec[],
): KernelPlan {
  const [B, Lq, H, Dv] = outputs[0]!.shape as [number, number, number, number];
  const [, Lk, Hkv, D] = inputs.k.shape as [number, number, number, number];
  const sizes = { H, Hkv, Lq, Lk, c: (inputs.relativeKeys.shape[0]! - 1) / 2, offset };
  const position = positionText(inputs);
  const sizeNames = Object.keys(sizes);
  const sizeValues: readonly KernelScalar[] = Object.values(sizes).map((integer) => ({ integer }));
  const scoreShape = { length: B * H * Lq * Lk, threads: [Lk, Lq, B * H] as const };
  const rowShape = { length: B * H * Lq, threads: [Lq, B * H] as const };

  return {
    steps: [
      {
        name: 'scores',
        source: `function (q, k, relativeKeys, ${[...position.arrays, ...sizeNames, 'valid', 'causal', 'scale'].join(', ')}) {
          const b = Math.floor(this.thread.z / H);
          const h = this.thread.z - b * H;
          const i = this.thread.y;
          const j = this.thread.x;
          const kv = Math.floor((h * Hkv) / H);
          const qRow = ((b * Lq + i) * H + h) * this.constants.D;
          const kRow = ((b * Lk + j) * Hkv + kv) * this.constants.D;
          const pq = ${position.query};
          const pk = ${position.key};
          const rRow = (Math.min(c, Math.max(0 - c, pk - pq)) + c) * this.constants.D;
          let dot = 0;
          for (let d = 0; d < this.constants.D; d++) {
            dot += q[qRow + d] * (k[kRow + d] + relativeKeys[rRow + d]);
          }
          let s = dot * scale;
          if (j >= valid) { s = ${HIDDEN}; }
          if (pk < 0) { s = ${HIDDEN}; }
          if (causal * (pk - pq) > 0) { s = ${HIDDEN}; }
          return s;
        }`,
        constants: { D },
        args: [
          'q',
          'k',
          'relativeKeys',
          ...position.arrays,
          ...sizeValues,
          { integer: valid },
          { integer: causal ? 1 : 0 },
          { float: scale },
        ],
        ...scoreShape,
      },
      {
        name: 'max',
        source: `function (scores, Lq, Lk) {
          const row = (this.thread.y * Lq + this.thread.x) * Lk;
          let max = ${HIDDEN};
          for (let j = 0; j < Lk; j++) {
            max = Math.max(max, scores[row + j]);
          }
          return max;
        }`,
        args: ['scores', { integer: Lq }, { integer: Lk }],
        ...rowShape,
      },
      {
        name: 'sum',
        source: `function (scores, max, Lq, Lk) {
          const n = this.thread.y * Lq + this.thread.x;
          let sum = 0;
          for (let j = 0; j < Lk; j++) {
            const s = scores[n * Lk + j];
            let e = Math.exp(s - max[n]);
            if (s < ${HIDDEN / 10}) { e = 0; }
            sum += e;
          }
          return sum;
        }`,
        args: ['scores', 'max', { integer: Lq }, { integer: Lk }],
        ...rowShape,
      },
      {
        name: 'weights',
        source: `function (scores, max, sum, Lq, Lk) {
          const n = this.thread.z * Lq + this.thread.y;
          const s = scores[n * Lk + this.thread.x];
          let w = Math.exp(s - max[n]) / sum[n];
          if (s < ${HIDDEN / 10}) { w = 0; }
          return w;
        }`,
        args: ['scores', 'max', 'sum', { integer: Lq }, { integer: Lk }],
        ...scoreShape,
      },
      outStep(inputs, position, { sizeNames, sizeValues, Dv, B, Lq, H }),
    ],
    outputs: ['out', 'weights'],
  };
}

interface Sizes {
  readonly sizeNames: readonly string[];
  readonly sizeValues: readonly KernelScalar[];
  readonly Dv: number;
  readonly B: number;
  readonly Lq: number;
  readonly H: number;
}

/** Σ_j w · (v + relative value); a weight of 0 skips its key, whatever stands there. */
function outStep(
  inputs: Shapes,
  position: ReturnType<typeof positionText>,
  { sizeNames, sizeValues, Dv, B, Lq, H }: Sizes,
): KernelPlan['steps'][number] {
  const relative = inputs.relativeValues
    ? ' + relativeValues[(Math.min(c, Math.max(0 - c, pk - pq)) + c) * this.constants.Dv + d]'
    : '';
  const arrays = inputs.relativeValues ? ['relativeValues', ...position.arrays] : [];
  return {
    name: 'out',
    source: `function (weights, v, ${[...arrays, ...sizeNames].join(', ')}) {
      const d = this.thread.x;
      const h = this.thread.y;
      const b = Math.floor(this.thread.z / Lq);
      const i = this.thread.z - b * Lq;
      const kv = Math.floor((h * Hkv) / H);
      const row = ((b * H + h) * Lq + i) * Lk;
      ${inputs.relativeValues ? `const pq = ${position.query};` : ''}
      let sum = 0;
      for (let j = 0; j < Lk; j++) {
        const w = weights[row + j];
        if (w !== 0) {
          ${inputs.relativeValues ? `const pk = ${position.key};` : ''}
          sum += w * (v[((b * Lk + j) * Hkv + kv) * this.constants.Dv + d]${relative});
        }
      }
      return sum;
    }`,
    constants: { Dv },
    args: ['weights', 'v', ...arrays, ...sizeValues],
    length: B * Lq * H * Dv,
    threads: [Dv, H, B * Lq],
  };
}

/** Where query i and key j of sequence b stand, as kernel text. */
function positionText({ queryPositions, keyPositions }: Shapes): {
  readonly query: string;
  readonly key: string;
  readonly arrays: readonly string[];
} {
  return {
    query: queryPositions
      ? `queryPositions[${queryPositions.shape[0] === 1 ? '' : 'b * Lq + '}i]`
      : 'offset + i',
    key: keyPositions ? `keyPositions[${keyPositions.shape[0] === 1 ? '' : 'b * Lk + '}j]` : 'j',
    arrays: [...(queryPositions ? ['queryPositions'] : []), ...(keyPositions ? ['keyPositions'] : [])],
  };
}
