import type { KernelPlan, KernelStep } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';
import { rowsAndWidth } from './rows.ts';
import { longSum, sumForm } from './sum.kernel.ts';

interface RowForm {
  readonly rest: number;
}

/** The square of a number of the row, less `mean`. */
const square = (name: string, e: string, mean = ''): string =>
  `const ${name}x = x[this.thread.x][${e}]${mean}; const ${name} = ${name}x * ${name}x;`;

const sumOfSquares = sourceOf(
  ({ rest }: RowForm) => `function (x, eps) {
    ${longSum('sum', rest, (name, e) => square(name, e))}
    return 1.0 / Math.sqrt(sum / this.constants.E + eps);
  }`,
);

const meanOfRow = sourceOf(
  ({ rest }: RowForm) => `function (x) {
    ${longSum('sum', rest, (name, e) => `const ${name} = x[this.thread.x][${e}];`)}
    return sum / this.constants.E;
  }`,
);

const inverseDeviation = sourceOf(
  ({ rest }: RowForm) => `function (x, mean, eps) {
    const m = mean[this.thread.x];
    ${longSum('sum', rest, (name, e) => square(name, e, ' - m'))}
    return 1.0 / Math.sqrt(sum / this.constants.E + eps);
  }`,
);

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
  const { rows, E, constants, array, form } = perRow(x.shape);
  return {
    steps: [
      {
        name: 'inverse',
        source: sumOfSquares(form),
        constants,
        args: [array, { float: eps }],
        length: rows,
      },
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
  const { rows, E, constants, array, form } = perRow(x.shape);
  const moments: KernelStep[] = [
    { name: 'mean', source: meanOfRow(form), constants, args: [array], length: rows },
    {
      name: 'inverse',
      source: inverseDeviation(form),
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
  const { constants, rest } = sumForm(E);
  return { rows, E, array, form: { rest }, constants: { E, ...constants } };
}
