import type { KernelArgument, KernelPlan, KernelStep } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';
import { rowsAndWidth } from './rows.ts';

/**
 * Index of the best value of a row that comes after `(previous value, previous index)` in the order asked for, or
 * simply of the best. `sign` −1 looks for the smallest. One thread a row: launches in a row, not threads, are what
 * costs, and a row of logits is short.
 */
const pick = sourceOf(
  ({ after }: { readonly after: boolean }) => `function (x, ${after ? 'picked, turn, ' : ''}sign) {
    const start = this.thread.x * this.constants.E;
    ${
      after
        ? `const last = Math.floor(picked[(turn - 1) * this.constants.rows + this.thread.x]);
    const limit = sign * x[start + last];
    let best = -1;
    let top = 0.0;
    for (let e = 0; e < this.constants.E; e++) {
      const value = sign * x[start + e];
      const follows = value < limit || (value === limit && e > last) ? 1 : 0;
      const better = follows === 1 && (best < 0 || value > top) ? 1 : 0;
      best = better === 1 ? e : best;
      top = better === 1 ? value : top;
    }
    return best < 0 ? 0 : best;`
        : `let best = 0;
    let top = sign * x[start];
    for (let e = 0; e < this.constants.E; e++) {
      const value = sign * x[start + e];
      const better = value > top ? 1 : 0;
      best = better === 1 ? e : best;
      top = better === 1 ? value : top;
    }
    return best;`
    }
  }`,
);

/** `[k, rows]` → `[rows, k]` */
const turnAround = `function (picked) {
    return picked[this.thread.x * this.constants.rows + this.thread.y];
  }`;

const valuesAt = `function (x, indices) {
    const i = Math.floor(indices[this.thread.y * this.constants.k + this.thread.x]);
    return x[this.thread.y * this.constants.E + i];
  }`;

/** x `[..., E]` → `[...]` */
export function argmaxPlan({ x }: Shapes<'x'>): KernelPlan {
  const { rows, E } = rowsAndWidth(x.shape);
  return {
    steps: [
      {
        name: 'best',
        source: pick({ after: false }),
        constants: { E },
        args: ['x', { float: 1 }],
        length: rows,
      },
    ],
    outputs: ['best'],
  };
}

/** x `[..., E]` → values and indices `[..., k]`: one pass over x for each of the k. */
export function topKPlan(
  { x }: Shapes<'x'>,
  { k, largest }: { readonly k: number; readonly largest: boolean },
): KernelPlan {
  const { rows, E } = rowsAndWidth(x.shape);
  const sign: KernelArgument = { float: largest ? 1 : -1 };
  const turns = Array.from({ length: k }, (_, turn): KernelStep => {
    const part = { of: 'picked', length: k * rows, at: turn * rows };
    return turn === 0
      ? {
          name: 'first',
          source: pick({ after: false }),
          constants: { E },
          args: ['x', sign],
          length: rows,
          part,
        }
      : {
          name: 'next',
          source: pick({ after: true }),
          constants: { E, rows },
          args: ['x', 'picked', { integer: turn }, sign],
          length: rows,
          part,
        };
  });
  const result = { length: rows * k, threads: [k, rows] as const };
  return {
    steps: [
      ...turns,
      { name: 'indices', source: turnAround, constants: { rows }, args: ['picked'], ...result },
      { name: 'values', source: valuesAt, constants: { E, k }, args: ['x', 'indices'], ...result },
    ],
    outputs: ['values', 'indices'],
  };
}
