import { sizeOf } from '../../../axes.ts';

/** `[..., E]` as rows of width E. */
export function rowsAndWidth(shape: readonly number[]): { rows: number; E: number } {
  return { rows: sizeOf(shape.slice(0, -1)), E: shape.at(-1) ?? 1 };
}
