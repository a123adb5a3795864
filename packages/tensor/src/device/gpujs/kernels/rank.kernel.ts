import type { KernelArgument, KernelPlan, KernelStep } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';
import { rowsAndWidth } from './rows.ts';

/**
 * Index of the best value of a row that comes after the one picked last, in the order asked for; or simply of the
 * best. `sign` −1 looks for the smallest. One thread a row: launches, not threads, are what costs here.
 *
 * A value is ordered by its kind first (0 for a number, `sign` for NaN, which so is above every number) and among
 * numbers by itself.
 */
const pick = sourceOf(({ after }: { readonly after: boolean }) =>
  after
    ? `function (x, picked, turn, sign) {
    const last = Math.floor(picked[turn - 1][this.thread.x] + 0.5);
    const end = x[this.thread.x][last];
    const endKind = end === end ? 0.0 : sign;
    const limit = end === end ? sign * end : 0.0;
    let best = -1.0;
    let top = 0.0;
    let kind = 0.0;
    for (let e = 0; e < this.constants.E; e++) {
      const raw = x[this.thread.x][e];
      const valueKind = raw === raw ? 0.0 : sign;
      const value = raw === raw ? sign * raw : 0.0;
      const index = e;
      if (valueKind < endKind || (valueKind === endKind && (value < limit || (value === limit && index > last)))) {
        if (best < 0.0 || valueKind > kind || (valueKind === kind && value > top)) {
          best = index;
          top = value;
          kind = valueKind;
        }
      }
    }
    return Math.max(best, 0.0);
  }`
    : `function (x, sign) {
    let best = 0.0;
    const first = x[this.thread.x][0];
    let kind = first === first ? 0.0 : sign;
    let top = first === first ? sign * first : 0.0;
    for (let e = 0; e < this.constants.E; e++) {
      const raw = x[this.thread.x][e];
      const valueKind = raw === raw ? 0.0 : sign;
      const value = raw === raw ? sign * raw : 0.0;
      const index = e;
      if (valueKind > kind || (valueKind === kind && value > top)) {
        best = index;
        top = value;
        kind = valueKind;
      }
    }
    return best;
  }`,
);

/** `[k, rows]` → `[rows, k]` */
const turnAround = 'function (picked) { return picked[this.thread.x][this.thread.y]; }';

const valuesAt = `function (x, indices) {
    const i = Math.floor(indices[this.thread.y][this.thread.x] + 0.5);
    return x[this.thread.y][i];
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
        args: [{ array: 'x', size: [E, rows] }, { float: 1 }],
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
  const values = { array: 'x', size: [E, rows] as const };
  const picked = { array: 'picked', size: [rows, k] as const };
  const turns = Array.from({ length: k }, (_, turn): KernelStep => {
    const common = {
      constants: { E },
      length: rows,
      part: { of: 'picked', length: k * rows, at: turn * rows },
    };
    return turn === 0
      ? { name: 'first', source: pick({ after: false }), args: [values, sign], ...common }
      : {
          name: 'next',
          source: pick({ after: true }),
          args: [values, picked, { integer: turn }, sign],
          ...common,
        };
  });
  const result = { length: rows * k, threads: [k, rows] as const };
  return {
    steps: [
      ...turns,
      { name: 'indices', source: turnAround, args: [picked], ...result },
      { name: 'values', source: valuesAt, args: [values, { array: 'indices', size: [k, rows] }], ...result },
    ],
    outputs: ['values', 'indices'],
  };
}
