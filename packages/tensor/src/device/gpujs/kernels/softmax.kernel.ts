import type { KernelPlan, PlanTarget } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';
import { expOf } from './exp.kernel.ts';
import { rowsAndWidth } from './rows.ts';
import { longSum, sumForm } from './sum.kernel.ts';

/** Largest value of a row; `lowest` for a row of nothing but −∞. */
const maximum = `function (x, lowest) {
    let top = lowest;
    for (let e = 0; e < this.constants.E; e++) {
      const value = x[this.thread.x][e];
      top = value > top ? value : top;
    }
    return top;
  }`;

const sum = sourceOf(
  ({ exp, rest }: { readonly exp: PlanTarget['exp']; readonly rest: number }) => `function (x, tops) {
    const top = tops[this.thread.x];
    ${longSum('total', rest, (name, e) => expOf(name, `x[this.thread.x][${e}] - top`, exp))}
    return total;
  }`,
);

/** A row that has a number has one that is its largest, whose power is 1; only a row of nothing but −∞ sums to 0. */
const finish = sourceOf(
  ({ exp, logarithm }: { readonly exp: PlanTarget['exp']; readonly logarithm: boolean }) =>
    `function (x, tops, sums${logarithm ? ', nothing' : ''}) {
    const shifted = x[this.thread.y][this.thread.x] - tops[this.thread.y];
    const sum = sums[this.thread.y];
    ${
      logarithm
        ? `const y = shifted - Math.log(sum);
    return sum === 0.0 ? nothing : y;`
        : `${expOf('p', 'shifted', exp)}
    const y = p / sum;
    return sum === 0.0 ? 0.0 : y;`
    }
  }`,
);

const LOWEST = { float: -3.4028234663852886e38 };

function plan(shape: readonly number[], exp: PlanTarget['exp'], logarithm: boolean): KernelPlan {
  const { rows, E } = rowsAndWidth(shape);
  const form = sumForm(E);
  const x = { array: 'x', size: [E, rows] as const };
  return {
    steps: [
      { name: 'tops', source: maximum, constants: { E }, args: [x, LOWEST], length: rows },
      {
        name: 'sums',
        source: sum({ exp, rest: form.rest }),
        constants: form.constants,
        args: [x, 'tops'],
        length: rows,
      },
      {
        name: 'y',
        source: finish({ exp, logarithm }),
        args: [x, 'tops', 'sums', ...(logarithm ? [{ float: -Infinity }] : [])],
        length: rows * E,
        threads: [E, rows],
      },
    ],
    outputs: ['y'],
  };
}

/** `exp(x − max) / Σ` over the last axis */
export function softmaxPlan(
  { x }: Shapes<'x'>,
  _params: unknown,
  _outputs: unknown,
  { exp }: PlanTarget,
): KernelPlan {
  return plan(x.shape, exp, false);
}

/** `x − max − ln Σ` over the last axis */
export function logSoftmaxPlan(
  { x }: Shapes<'x'>,
  _params: unknown,
  _outputs: unknown,
  { exp }: PlanTarget,
): KernelPlan {
  return plan(x.shape, exp, true);
}
