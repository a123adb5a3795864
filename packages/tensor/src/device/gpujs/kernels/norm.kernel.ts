import type { KernelPlan, KernelStep } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';
import { rowsAndWidth } from './rows.ts';

const sumOfSquares = `function (x, eps) {
    let s0 = 0.0; let s1 = 0.0;
    for (let t = 0; t < this.constants.half; t++) {
      const a = x[this.thread.x][t * 2]; const b = x[this.thread.x][t * 2 + 1];
      s0 += a * a; s1 += b * b;
    }
    if (this.constants.odd === 1) {
      const c = x[this.thread.x][this.constants.E - 1];
      s0 += c * c;
    }
    return 1.0 / Math.sqrt((s0 + s1) / this.constants.E + eps);
  }`;

const meanOfRow = `function (x) {
    let s0 = 0.0; let s1 = 0.0;
    for (let t = 0; t < this.constants.half; t++) {
      s0 += x[this.thread.x][t * 2]; s1 += x[this.thread.x][t * 2 + 1];
    }
    if (this.constants.odd === 1) {
      s0 += x[this.thread.x][this.constants.E - 1];
    }
    return (s0 + s1) / this.constants.E;
  }`;

const inverseDeviation = `function (x, mean, eps) {
    const m = mean[this.thread.x];
    let s0 = 0.0; let s1 = 0.0;
    for (let t = 0; t < this.constants.half; t++) {
      const a = x[this.thread.x][t * 2] - m; const b = x[this.thread.x][t * 2 + 1] - m;
      s0 += a * a; s1 += b * b;
    }
    if (this.constants.odd === 1) {
      const c = x[this.thread.x][this.constants.E - 1] - m;
      s0 += c * c;
    }
    return 1.0 / Math.sqrt((s0 + s1) / this.constants.E + eps);
  }`;

const scaled = sourceOf(({ mean, weight, bias }: { mean: boolean; weight: boolean; bias: boolean }) => {
  const given = [mean && 'mean', 'inverse', weight && 'weight', bias && 'bias'].filter(Boolean);
  return `function (x, ${given.join(', ')}) {
    const value = x[this.thread.y][this.thread.x]${mean ? ' - mean[this.thread.y]' : ''};
    return value * inverse[this.thread.y]${weight ? ' * weight[this.thread.x]' : ''}${bias ? ' + bias[this.thread.x]' : ''};
  }`;
});

/** x `[..., E]`, weight `[E]` → `[..., E]` */
export function rmsNormPlan(
  { x, weight }: Shapes<'x', 'weight'>,
  { eps }: { readonly eps: number },
): KernelPlan {
  const { rows, E, constants, array } = perRow(x.shape);
  return {
    steps: [
      { name: 'inverse', source: sumOfSquares, constants, args: [array, { float: eps }], length: rows },
      {
        name: 'y',
        source: scaled({ mean: false, weight: !!weight, bias: false }),
        args: [array, 'inverse', ...(weight ? ['weight'] : [])],
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
  const { rows, E, constants, array } = perRow(x.shape);
  const moments: KernelStep[] = [
    { name: 'mean', source: meanOfRow, constants, args: [array], length: rows },
    {
      name: 'inverse',
      source: inverseDeviation,
      constants,
      args: [array, 'mean', { float: eps }],
      length: rows,
    },
  ];
  return {
    steps: [
      ...moments,
      {
        name: 'y',
        source: scaled({ mean: true, weight: !!weight, bias: !!bias }),
        args: [array, 'mean', 'inverse', ...(weight ? ['weight'] : []), ...(bias ? ['bias'] : [])],
        length: rows * E,
        threads: [E, rows],
      },
    ],
    outputs: statistics ? ['y', 'mean', 'inverse'] : ['y'],
  };
}

function perRow(shape: readonly number[]) {
  const { rows, E } = rowsAndWidth(shape);
  const array = { array: 'x', size: [E, rows] as const };
  return { rows, E, array, constants: { E, half: Math.floor(E / 2), odd: E % 2 } };
}
