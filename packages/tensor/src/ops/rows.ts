import { bindAxes, sizeOf } from '../axes.ts';
import type { OutputSpec, ShapedInput } from '../contracts/device.ts';

/** One f32 result of a shape. Never throws. */
export function f32(shape: readonly number[]): OutputSpec {
  return { shape, dtype: 'f32' };
}

/** One i32 result of a shape. Never throws. */
export function i32(shape: readonly number[]): OutputSpec {
  return { shape, dtype: 'i32' };
}

/**
 * Splits `[..., E]` into `rows` of width `E`.
 *
 * @throws {ShapeError} if there is no last axis.
 */
export function rowsOf(
  op: string,
  name: string,
  x: ShapedInput | { shape: readonly number[] },
): { rows: number; E: number } {
  const { E } = bindAxes(op, { [name]: [x, '... E'] });
  return { rows: E === 0 ? 0 : sizeOf(x.shape) / E!, E: E! };
}
