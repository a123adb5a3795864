import { bindAxes } from '../axes.ts';
import { ShapeError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { f32 } from './rows.ts';

/**
 * Which two numbers of a head form a pair: `half` pairs `(i, i + R/2)` (Hugging Face, GPT-NeoX), `interleaved`
 * pairs `(2i, 2i + 1)` (the RoPE paper, llama2.c).
 */
export type RotaryLayout = 'half' | 'interleaved';

/**
 * Rotary position embedding. Su et al. 2021, "RoFormer", eq. 34: each pair is turned by the angle of its
 * position. The tables come from the host in float64 (a GPU's sine is off by 4e-4 at position 5000); their
 * width says how much of a head turns, the rest passes through.
 *
 * ```text
 * x         [B, L, H, D]
 * cos, sin  [N, R/2]      R ≤ D
 * positions [B, L]        i32 rows of the tables; or [1, L] for all b. Outside 0 … N−1 gives zeros
 * →         [B, L, H, D]
 * ```
 */
export const rotaryOp = defineOp<
  { x: Tensor; cos: Tensor; sin: Tensor; positions: Tensor<string, 'i32'> },
  { layout: RotaryLayout }
>({
  name: 'rotary',
  dtypes: { positions: 'i32' },
  outputs({ x, cos, sin, positions }) {
    const one = positions.shape[0] === 1;
    const { D, half } = bindAxes('rotary', {
      x: [x, 'B L H D'],
      cos: [cos, 'N half'],
      sin: [sin, 'N half'],
      positions: [positions, one ? '1 L' : 'B L'],
    });
    if (2 * half > D) {
      throw new ShapeError(
        'rotary',
        `the tables turn 2 · ${half} = ${2 * half} numbers of a head of width D = ${D}`,
        [
          { name: 'x', axes: ['B', 'L', 'H', 'D'], shape: x.shape },
          { name: 'cos', axes: ['N', 'R/2'], shape: cos.shape },
        ],
      );
    }
    return [f32(x.shape)];
  },
  reference({ x, cos, sin, positions }, { layout }) {
    const [B, L, H, D] = x.shape as [number, number, number, number];
    const [N, half] = cos.shape as [number, number];
    const y = Float64Array.from(x.data); // [B, L, H, D]
    for (let b = 0; b < B; b++) {
      for (let l = 0; l < L; l++) {
        const position = positions.data[(positions.shape[0] === 1 ? 0 : b) * L + l]!;
        for (let h = 0; h < H; h++) {
          const row = ((b * L + l) * H + h) * D;
          for (let i = 0; i < half; i++) {
            const first = row + (layout === 'half' ? i : 2 * i);
            const second = row + (layout === 'half' ? i + half : 2 * i + 1);
            const inside = position >= 0 && position < N;
            const c = inside ? cos.data[position * half + i]! : 0;
            const s = inside ? sin.data[position * half + i]! : 0;
            y[first] = x.data[first]! * c - x.data[second]! * s;
            y[second] = x.data[second]! * c + x.data[first]! * s;
          }
        }
      }
    }
    return [y];
  },
  gradient: {
    to: ['x'],
    keeps: () => ['cos', 'sin', 'positions'],
    // back by the same angles
    rule: ({ inputs: { cos, sin, positions }, params: { layout }, dy }, ops) => ({
      x: ops.rotary(dy, { cos, sin: ops.scale(sin, -1) }, positions, layout),
    }),
  },
});

/**
 * Turns the pairs of `x` by the angles of their positions.
 *
 * @param x `[B, L, H, D]`
 * @param tables `cos` and `sin`, each `[N, R/2]`
 * @param positions `[B | 1, L]` i32, rows of the tables
 * @throws {ShapeError} if the tables are wider than a head.
 */
export function rotary(
  x: Tensor<'B L H D'>,
  tables: { readonly cos: Tensor; readonly sin: Tensor },
  positions: Tensor<string, 'i32'>,
  { layout = 'half' }: { readonly layout?: RotaryLayout } = {},
): Tensor<'B L H D'> {
  return run(
    rotaryOp,
    { x, cos: tables.cos, sin: tables.sin, positions },
    { layout },
  )[0] as Tensor<'B L H D'>;
}
