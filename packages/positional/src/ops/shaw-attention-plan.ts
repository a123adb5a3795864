import type { KernelPlan, KernelScalar, KernelStep, OutputSpec, ShapedInput } from '@headwise/tensor';
import type { ShawInputs, ShawParams } from './shaw-attention-form.ts';

type Shapes = { readonly [K in keyof ShawInputs]: ShapedInput };

/** Stands for −∞, which GPUs do not subtract reliably. */
const HIDDEN = -1e30;

/**
 * Five kernels: scores, the largest and the sum of each row, weights, output. Positions are read by the first and
 * the last; a hidden score is a sentinel, so that the others need no masks. Comparisons are such that a NaN in a
 * seen key stays NaN.
 */
export function shawPlan(inputs: Shapes, params: ShawParams, outputs: readonly OutputSpec[]): KernelPlan {
  const [B, Lq, H] = outputs[0]!.shape as [number, number, number, number];
  const Lk = inputs.k.shape[1]!;
  const scores = { array: 'scores', size: [Lk, Lq, B * H] } as const;
  const width: KernelScalar = { integer: Lk };
  const rows = { length: B * H * Lq, threads: [Lq, B * H] } as const;
  const rowOf = (name: string) => ({ array: name, size: [Lq, B * H] }) as const;
  return {
    steps: [
      scoreStep(inputs, params, outputs),
      {
        name: 'top',
        source: `function (scores, Lk) {
          let top = ${HIDDEN};
          for (let j = 0; j < Lk; j++) {
            const s = scores[this.thread.y][this.thread.x][j];
            top = s < top ? top : s;
          }
          return top;
        }`,
        args: [scores, width],
        ...rows,
      },
      {
        name: 'sum',
        source: `function (scores, top, Lk) {
          const most = top[this.thread.y][this.thread.x];
          let sum = 0.0;
          for (let j = 0; j < Lk; j++) {
            const s = scores[this.thread.y][this.thread.x][j];
            const e = Math.exp(s - most);
            sum += s < ${HIDDEN / 10} ? 0.0 : e;
          }
          return sum;
        }`,
        args: [scores, rowOf('top'), width],
        ...rows,
      },
      {
        name: 'weights',
        source: `function (scores, top, sum) {
          const s = scores[this.thread.z][this.thread.y][this.thread.x];
          const w = Math.exp(s - top[this.thread.z][this.thread.y]) / sum[this.thread.z][this.thread.y];
          return s < ${HIDDEN / 10} ? 0.0 : w;
        }`,
        args: [scores, rowOf('top'), rowOf('sum')],
        length: B * H * Lq * Lk,
        threads: [Lk, Lq, B * H],
      },
      outStep(inputs, params, outputs),
    ],
    outputs: ['out', 'weights'],
  };
}

/** scale · q · (k + relative key), or the sentinel: thread (j, i, b · H + h). */
function scoreStep(
  inputs: Shapes,
  { scale, causal, offset, valid }: ShawParams,
  outputs: readonly OutputSpec[],
): KernelStep {
  const [B, Lq, H] = outputs[0]!.shape as [number, number, number, number];
  const [, Lk, Hkv, D] = inputs.k.shape as [number, number, number, number];
  const R = inputs.relativeKeys.shape[0]!;
  const position = positionText(inputs);
  const scalars = { Lq, Lk, c: (R - 1) / 2, offset, valid, causal: causal ? 1 : 0 };
  return {
    name: 'scores',
    source: `function (q, k, relativeKeys, ${[...position.arrays, ...Object.keys(scalars)].join(', ')}, scale) {
      const b = Math.floor((this.thread.z + 0.5) / this.constants.H);
      const h = this.thread.z - b * this.constants.H;
      const kv = Math.floor((h * this.constants.Hkv + 0.5) / this.constants.H);
      const i = this.thread.y;
      const j = this.thread.x;
      const qRow = b * Lq + i;
      const kRow = b * Lk + j;
      const pq = ${position.query};
      const pk = ${position.key};
      const apart = pk - pq;
      const r = Math.min(c, Math.max(0.0 - c, apart)) + c;
      let dot = 0.0;
      for (let d = 0; d < this.constants.D; d++) {
        dot += q[qRow][h][d] * (k[kRow][kv][d] + relativeKeys[r][d]);
      }
      const ahead = causal * apart;
      let s = dot * scale;
      if (j >= valid) { s = ${HIDDEN}; }
      if (pk < 0.0) { s = ${HIDDEN}; }
      if (ahead > 0.0) { s = ${HIDDEN}; }
      return s;
    }`,
    constants: { D, H, Hkv },
    args: [
      { array: 'q', size: [D, H, B * Lq] },
      { array: 'k', size: [D, Hkv, B * Lk] },
      { array: 'relativeKeys', size: [D, R] },
      ...position.arrays,
      ...Object.values(scalars).map((integer) => ({ integer })),
      { float: scale },
    ],
    length: B * H * Lq * Lk,
    threads: [Lk, Lq, B * H],
  };
}

/** Σ_j w · (v + relative value): thread (d, h, b · Lq + i). A weight of 0 skips its key, whatever stands there. */
function outStep(inputs: Shapes, { offset }: ShawParams, outputs: readonly OutputSpec[]): KernelStep {
  const [B, Lq, H, Dv] = outputs[0]!.shape as [number, number, number, number];
  const [, Lk, Hkv] = inputs.k.shape as [number, number, number, number];
  const R = inputs.relativeKeys.shape[0]!;
  const position = positionText(inputs);
  const relative = inputs.relativeValues !== undefined;
  const scalars = { Lq, Lk, ...(relative && { c: (R - 1) / 2, offset }) };
  const arrays = relative ? ['relativeValues', ...position.arrays] : [];
  return {
    name: 'out',
    source: `function (weights, v, ${[...arrays, ...Object.keys(scalars)].join(', ')}) {
      const d = this.thread.x;
      const h = this.thread.y;
      const b = Math.floor((this.thread.z + 0.5) / Lq);
      const i = this.thread.z - b * Lq;
      const kv = Math.floor((h * this.constants.Hkv + 0.5) / this.constants.H);
      const row = b * this.constants.H + h;
      ${relative ? `const pq = ${position.query};` : ''}
      let sum = 0.0;
      for (let j = 0; j < Lk; j++) {
        const w = weights[row][i][j];
        const kRow = b * Lk + j;
        ${relative ? `const pk = ${position.key};` : ''}
        ${relative ? 'const r = Math.min(c, Math.max(0.0 - c, pk - pq)) + c;' : ''}
        if (w !== 0.0) {
          sum += w * (v[kRow][kv][d]${relative ? ' + relativeValues[r][d]' : ''});
        }
      }
      return sum;
    }`,
    constants: { H, Hkv },
    args: [
      { array: 'weights', size: [Lk, Lq, B * H] },
      { array: 'v', size: [Dv, Hkv, B * Lk] },
      ...(relative ? [{ array: 'relativeValues', size: [Dv, R] as const }, ...position.arrays] : []),
      ...Object.values(scalars).map((integer) => ({ integer })),
    ],
    length: B * Lq * H * Dv,
    threads: [Dv, H, B * Lq],
  };
}

/** Where query i and key j of sequence b stand, as kernel text; qRow and kRow are `b · L + …`. */
function positionText({ queryPositions, keyPositions }: Shapes): {
  readonly query: string;
  readonly key: string;
  readonly arrays: readonly string[];
} {
  // i32 values are carried as floats
  const read = (name: string, tensor: ShapedInput, row: string): string =>
    `Math.floor(${name}[${tensor.shape[0] === 1 ? '' : `${row} + `}`;
  return {
    query: queryPositions ? `${read('queryPositions', queryPositions, 'b * Lq')}i] + 0.5)` : 'offset + i',
    key: keyPositions ? `${read('keyPositions', keyPositions, 'b * Lk')}j] + 0.5)` : 'j + 0.0',
    arrays: [...(queryPositions ? ['queryPositions'] : []), ...(keyPositions ? ['keyPositions'] : [])],
  };
}
