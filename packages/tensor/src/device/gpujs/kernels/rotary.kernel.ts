import type { RotaryLayout } from '../../../ops/rotary.ts';
import type { KernelPlan } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';

const pairs: Readonly<Record<RotaryLayout, string>> = {
  half: `const second = d >= this.constants.half ? 1.0 : 0.0;
    const pair = d - second * this.constants.half;
    const other = d + this.constants.half - 2.0 * second * this.constants.half;`,
  interleaved: `const pair = Math.floor((d + 0.5) / 2.0);
    const second = d - pair * 2.0;
    const other = d + 1.0 - 2.0 * second;`,
};

const rotarySource = sourceOf(
  ({ layout }: { layout: RotaryLayout }) => `function (x, cos, sin, positions) {
    const d = this.thread.x;
    const token = this.thread.z - Math.floor((this.thread.z + 0.5) / this.constants.P) * this.constants.P;
    const position = Math.floor(positions[token] + 0.5);
    const at = Math.max(0.0, Math.min(position, this.constants.N - 1));
    const inside = at === position ? 1.0 : 0.0;
    ${pairs[layout]}
    const turns = d < 2.0 * this.constants.half ? 1.0 : 0.0;
    const column = turns === 1.0 ? pair : 0.0;
    const partner = turns === 1.0 ? other : d;
    const c = cos[at][column] * inside;
    const s = sin[at][column] * inside * (2.0 * second - 1.0);
    const own = x[this.thread.z][this.thread.y][this.thread.x];
    const turned = own * c + x[this.thread.z][this.thread.y][partner] * s;
    return turns === 1.0 ? turned : own;
  }`,
);

/** x `[B, L, H, D]`, tables `[N, R/2]`, positions `[B | 1, L]` → `[B, L, H, D]` */
export function rotaryPlan(
  { x, cos, positions }: Shapes<'x' | 'cos' | 'sin' | 'positions'>,
  { layout }: { readonly layout: RotaryLayout },
): KernelPlan {
  const [B, L, H, D] = x.shape as [number, number, number, number];
  const [N, half] = cos.shape as [number, number];
  const table = [Math.max(1, half), half === 0 ? 0 : N] as const;
  return {
    steps: [
      {
        name: 'y',
        source: rotarySource({ layout }),
        constants: { N: half === 0 ? 1 : N, half, P: positions.shape[0]! * positions.shape[1]! },
        args: [
          { array: 'x', size: [D, H, B * L] },
          { array: 'cos', size: table },
          { array: 'sin', size: table },
          'positions',
        ],
        length: B * L * H * D,
        threads: [D, H, B * L],
      },
    ],
    outputs: ['y'],
  };
}
