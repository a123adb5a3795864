import type { KernelPlan } from '../plan.ts';
import type { Shapes } from '../source.ts';
import { rowsAndWidth } from './rows.ts';

const sliceSource = `function (x, start) {
    return x[this.thread.y * this.constants.E + start + this.thread.x];
  }`;

const concatSource = `function (a, b) {
    const first = this.thread.x < this.constants.Ea ? 1 : 0;
    const x = first === 1 ? this.thread.x : this.constants.Ea - 1;
    const u = first === 1 ? 0 : this.thread.x - this.constants.Ea;
    return first === 1 ? a[this.thread.y * this.constants.Ea + x] : b[this.thread.y * this.constants.Eb + u];
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
        constants: { E },
        args: ['x', { integer: start }],
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
        constants: { Ea, Eb },
        args: ['a', 'b'],
        length: rows * (Ea + Eb),
        threads: [Ea + Eb, rows],
      },
    ],
    outputs: ['y'],
  };
}
