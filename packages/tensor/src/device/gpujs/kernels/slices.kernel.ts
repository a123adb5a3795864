import type { KernelPlan } from '../plan.ts';
import type { Shapes } from '../source.ts';
import { rowsAndWidth } from './rows.ts';

const sliceSource = 'function (x, start) { return x[this.thread.y][start + this.thread.x]; }';

const concatSource = `function (a, b) {
    const inA = Math.min(this.thread.x, this.constants.Ea - 1);
    const inB = Math.max(this.thread.x - this.constants.Ea, 0.0);
    const left = a[this.thread.y][inA];
    const right = b[this.thread.y][inB];
    return this.thread.x < this.constants.Ea ? left : right;
  }`;

/** x `[..., E]` → `[..., width]` */
export function slicePlan(
  { x }: Shapes<'x'>,
  { start, width }: { readonly start: number; readonly width: number },
): KernelPlan {
  const { rows, E } = rowsAndWidth(x.shape);
  return {
    steps: [
      {
        name: 'y',
        source: sliceSource,
        args: [{ array: 'x', size: [E, rows] }, { integer: start }],
        length: rows * width,
        threads: [width, rows],
      },
    ],
    outputs: ['y'],
  };
}

/** a `[..., Ea]`, b `[..., Eb]` → `[..., Ea + Eb]` */
export function concatPlan({ a, b }: Shapes<'a' | 'b'>): KernelPlan {
  const { rows, E: Ea } = rowsAndWidth(a.shape);
  const { E: Eb } = rowsAndWidth(b.shape);
  return {
    steps: [
      {
        name: 'y',
        source: concatSource,
        constants: { Ea },
        args: [
          { array: 'a', size: [Ea, rows] },
          { array: 'b', size: [Eb, rows] },
        ],
        length: rows * (Ea + Eb),
        threads: [Ea + Eb, rows],
      },
    ],
    outputs: ['y'],
  };
}
