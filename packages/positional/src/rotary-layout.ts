import type { RotaryLayout } from '@headwise/tensor';
import { checkFields, checkGiven } from '@headwise/tensor';
import { must, mustBeWhole } from './checks.ts';

/** Which rows of a projection are queries or keys, and how many of them turn. */
export interface RotaryWeightShape {
  /** Heads of this projection: H for queries, Hkv for keys. */
  readonly heads: number;
  /** Width of a head. */
  readonly D: number;
  /** Numbers of a head that turn, its first; the rest keeps its place. Default D. */
  readonly width?: number | undefined;
  /** The layout the weights are to have; they have the other. */
  readonly to: RotaryLayout;
}

/**
 * Moves the rows of a query or key projection between the two rotary layouts, so that a checkpoint trained under
 * one gives the same scores under the other. Values and output projections stay as they are.
 *
 * ```text
 * weight [heads · D, E]      or a bias [heads · D], or activations [D]: any number of trailing numbers a row
 * to 'half':        row 2i → i, row 2i + 1 → i + width/2      llama2.c's .bin → Hugging Face
 * to 'interleaved': row i → 2i, row i + width/2 → 2i + 1      Hugging Face → llama2.c's .bin
 * ```
 *
 * @returns a new array of the same kind
 * @throws {ValueError} if the width is odd or wider than a head, or the array is not `heads · D` rows.
 * @example
 * const wq = convertRotaryLayout(checkpoint, { heads: 32, D: 128, to: 'half' });
 */
export function convertRotaryLayout<Weights extends Float32Array | Float64Array | Uint16Array>(
  weight: Weights,
  shape: RotaryWeightShape,
): Weights {
  const op = 'convertRotaryLayout';
  checkGiven(op, { weight });
  checkFields(op, 'shape', shape, ['heads', 'D', 'to']);
  const { heads, D, width = D, to } = shape;
  mustBeWhole(op, 'heads', heads);
  mustBeWhole(op, 'D', D);
  must(
    Number.isInteger(width) && width >= 2 && width % 2 === 0 && width <= D,
    op,
    'width',
    `must be an even number from 2 to D = ${D}`,
    width,
  );
  must(to === 'half' || to === 'interleaved', op, 'to', 'must be "half" or "interleaved"', to);
  const rows = heads * D;
  const E = weight.length / rows;
  must(
    Number.isInteger(E) && E >= 1,
    op,
    'weight',
    `must have ${heads} heads · ${D} = ${rows} rows of one length`,
    `${weight.length} numbers`,
  );

  const moved = weight.slice() as Weights;
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < width / 2; i++) {
      const interleaved = [2 * i, 2 * i + 1];
      const half = [i, i + width / 2];
      const [from, into] = to === 'half' ? [interleaved, half] : [half, interleaved];
      from.forEach((row, n) => {
        const start = (h * D + row) * E;
        moved.set(weight.subarray(start, start + E) as never, (h * D + into[n]!) * E);
      });
    }
  }
  return moved;
}
