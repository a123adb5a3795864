import type { KernelArgument, KernelPlan, KernelStep } from '../plan.ts';
import type { Shapes } from '../source.ts';
import { rowsAndWidth } from './rows.ts';

/**
 * Whether a value is a number, which NaN is not: it is neither at most zero nor above. Some GPU's compiler takes `v === v`
 * for true; this it leaves, since zero is an argument.
 */
const isNumber = (value: string): string => `(${value} <= zero || ${value} > zero)`;
const ZERO: KernelArgument = { float: 0 };

/**
 * Statements that make a second pass where `again` is 1: they declare `nan`, the first NaN after index `from`, and
 * `number`, the best of all numbers; −1 where there is none.
 */
const lookAgain = `
    let nan = -1.0;
    let number = -1.0;
    let most = 0.0;
    const passes = this.constants.E * again;
    for (let n = 0; n < passes; n++) {
      const raw = x[this.thread.x][n];
      const signed = sign * raw;
      const place = n;
      const kind = ${isNumber('raw')} ? 1.0 : 0.0;
      if (kind < 0.5 && nan < 0.0 && place > from) { nan = place; }
      if (kind > 0.5 && (number < 0.0 || signed > most)) {
        number = place;
        most = signed;
      }
    }`;

/**
 * Index of the best value of a row in the order asked for; `sign` −1 looks for the smallest. NaN is above every number:
 * the largest, or the smallest where there is nothing else. One thread a row: launches, not threads, are what costs here.
 */
const first = `function (x, sign, zero) {
    let best = 0.0;
    let top = sign * x[this.thread.x][0];
    let again = 0.0;
    for (let e = 0; e < this.constants.E; e++) {
      const value = sign * x[this.thread.x][e];
      const index = e;
      if (value > top) {
        best = index;
        top = value;
      }
      again = value <= top ? again : 1.0;
    }
    const from = -1.0;
    ${lookAgain}
    const odd = sign > 0.0 || number < 0.0 ? nan : number;
    return again > 0.5 ? odd : best;
  }`;

/**
 * Index of the best value that comes after the one picked last. No comparison with NaN holds, so the first pass finds
 * numbers after a number. Where there is none, what follows is the next NaN, or after the last NaN of the largest the
 * best number of all.
 */
const next = `function (x, picked, turn, sign, zero) {
    const last = Math.floor(picked[turn - 1][this.thread.x] + 0.5);
    const end = x[this.thread.x][last];
    const limit = sign * end;
    let best = -1.0;
    let top = 0.0;
    for (let e = 0; e < this.constants.E; e++) {
      const value = sign * x[this.thread.x][e];
      const index = e;
      if (value < limit || (value === limit && index > last)) {
        if (best < 0.0 || value > top) {
          best = index;
          top = value;
        }
      }
    }
    const from = ${isNumber('end')} ? -1.0 : last;
    const again = best < 0.0 ? 1.0 : 0.0;
    ${lookAgain}
    const odd = nan < 0.0 ? Math.max(number, 0.0) : nan;
    return again > 0.5 ? odd : best;
  }`;

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
        source: first,
        constants: { E },
        args: [{ array: 'x', size: [E, rows] }, { float: 1 }, ZERO],
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
      ? { name: 'first', source: first, args: [values, sign, ZERO], ...common }
      : {
          name: 'next',
          source: next,
          args: [values, picked, { integer: turn }, sign, ZERO],
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
