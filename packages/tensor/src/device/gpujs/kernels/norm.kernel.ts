import type { KernelPlan, KernelStep } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';
import { rowsAndWidth } from './rows.ts';

const sumOfSquares = `function (x, eps) {
    const start = this.thread.x * this.constants.E;
    let s0 = 0.0; let s1 = 0.0;
    for (let t = 0; t < this.constants.half; t++) {
      const a = x[start + t * 2]; const b = x[start + t * 2 + 1];
      s0 += a * a; s1 += b * b;
    }
    if (this.constants.odd === 1) {
      const c = x[start + this.constants.E - 1];
      s0 += c * c;
    }
    return 1.0 / Math.sqrt((s0 + s1) / this.constants.E + eps);
  }`;

const meanOfRow = `function (x) {
    const start = this.thread.x * this.constants.E;
    let s0 = 0.0; let s1 = 0.0;
    for (let t = 0; t < this.constants.half; t++) {
      s0 += x[start + t * 2]; s1 += x[start + t * 2 + 1];
    }
    if (this.constants.odd === 1) {
      s0 += x[start + this.constants.E - 1];
    }
    return (s0 + s1) / this.constants.E;
  }`;

const inverseDeviation = `function (x, mean, eps) {
    const start = this.thread.x * this.constants.E;
    const m = mean[this.thread.x];
    let s0 = 0.0; let s1 = 0.0;
    for (let t = 0; t < this.constants.half; t++) {
      const a = x[start + t * 2] - m; const b = x[start + t * 2 + 1] - m;
      s0 += a * a; s1 += b * b;
    }
    if (this.constants.odd === 1) {
      const c = x[start + this.constants.E - 1] - m;
      s0 += c * c;
    }
    return 1.0 / Math.sqrt((s0 + s1) / this.constants.E + eps);
  }`;

const scaled = sourceOf(({ mean, weight, bias }: { mean: boolean; weight: boolean; bias: boolean }) => {
  const names = [
    'x',
    ...(mean ? ['mean'] : []),
    'inverse',
    ...(weight ? ['weight'] : []),
    ...(bias ? ['bias'] : []),
  ];
  return `function (${names.join(', ')}) {
    const e = this.thread.x; const r = this.thread.y;
    return (x[r * this.constants.E + e]${mean ? ' - mean[r]' : ''}) * inverse[r]${weight ? ' * weight[e]' : ''}${bias ? ' + bias[e]' : ''};
  }`;
});

/** x `[..., E]`, weight `[E]` → `[..., E]` */
export function rmsNormPlan(
  { x, weight }: Shapes<'x', 'weight'>,
  { eps }: { readonly eps: number },
): KernelPlan {
  const { rows, E, constants } = perRow(x.shape);
  return {
    steps: [
      { name: 'inverse', source: sumOfSquares, constants, args: ['x', { float: eps }], length: rows },
      {
        name: 'y',
        source: scaled({ mean: false, weight: !!weight, bias: false }),
        constants: { E },
        args: ['x', 'inverse', ...(weight ? ['weight'] : [])],
        length: rows * E,
        threads: [E, rows],
      },
    ],
    outputs: ['y'],
  };
}

/** x `[..., E]`, weight and bias `[E]` → `[..., E]`, mean and inverse deviation `[..., 1]` */
export function layerNormPlan(
  { x, weight, bias }: Shapes<'x', 'weight' | 'bias'>,
  { eps, statistics }: { readonly eps: number; readonly statistics: boolean },
): KernelPlan {
  const { rows, E, constants } = perRow(x.shape);
  const moments: KernelStep[] = [
    { name: 'mean', source: meanOfRow, constants, args: ['x'], length: rows },
    {
      name: 'inverse',
      source: inverseDeviation,
      constants,
      args: ['x', 'mean', { float: eps }],
      length: rows,
    },
  ];
  return {
    steps: [
      ...moments,
      {
        name: 'y',
        source: scaled({ mean: true, weight: !!weight, bias: !!bias }),
        constants: { E },
        args: ['x', 'mean', 'inverse', ...(weight ? ['weight'] : []), ...(bias ? ['bias'] : [])],
        length: rows * E,
        threads: [E, rows],
      },
    ],
    outputs: statistics ? ['y', 'mean', 'inverse'] : ['y'],
  };
}

function perRow(shape: readonly number[]) {
  const { rows, E } = rowsAndWidth(shape);
  return { rows, E, constants: { E, half: Math.floor(E / 2), odd: E % 2 } };
}
