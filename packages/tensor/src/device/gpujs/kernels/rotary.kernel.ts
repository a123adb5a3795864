import type { RotaryLayout } from '../../../ops/rotary.ts';
import type { KernelPlan } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';

const rotarySource = sourceOf(
  ({ layout }: { layout: RotaryLayout }) => `function (x, cos, sin, positions) {
    const d = this.thread.x;
    const row = (this.thread.z * this.constants.H + this.thread.y) * this.constants.D;
    const position = Math.floor(positions[this.thread.z % this.constants.P]);
    ${
      layout === 'half'
        ? `const second = d >= this.constants.half ? 1 : 0;
    const pair = d - second * this.constants.half;
    const other = second === 1 ? d - this.constants.half : d + this.constants.half;`
        : `const pair = Math.floor(d / 2);
    const second = d - pair * 2;
    const other = second === 1 ? d - 1 : d + 1;`
    }
    const turns = d < this.constants.half * 2 ? 1 : 0;
    const inside = position >= 0 && position < this.constants.N ? 1 : 0;
    const at = turns * inside === 1 ? position * this.constants.half + pair : 0;
    const partner = turns === 1 ? other : d;
    const c = cos[at] * inside;
    const s = second === 1 ? sin[at] * inside : -sin[at] * inside;
    const own = x[row + d];
    return turns === 1 ? own * c + x[row + partner] * s : own;
  }`,
);

/** x `[B, L, H, D]`, tables `[N, R/2]`, positions `[B | 1, L]` → `[B, L, H, D]` */
export function rotaryPlan(
  { x, cos, positions }: Shapes<'x' | 'cos' | 'sin' | 'positions'>,
  { layout }: { readonly layout: RotaryLayout },
): KernelPlan {
  const [B, L, H, D] = x.shape as [number, number, number, number];
  const [N, half] = cos.shape as [number, number];
  return {
    steps: [
      {
        name: 'y',
        source: rotarySource({ layout }),
        constants: { H, D, N, half, P: positions.shape[0]! * positions.shape[1]! },
        args: ['x', 'cos', 'sin', 'positions'],
        length: B * L * H * D,
        threads: [D, H, B * L],
      },
    ],
    outputs: ['y'],
  };
}
