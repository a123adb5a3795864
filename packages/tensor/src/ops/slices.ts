import { bindAxes, sizeOf, withLast, withoutLast } from '../axes.ts';
import { ValueError } from '../errors.ts';
import { defineOp, run } from '../op.ts';
import type { AnyAxes, Tensor } from '../tensor.ts';
import { f32, rowsOf } from './rows.ts';

/**
 * `y = x[..., start : start + width]`: a part of the last axis, for fused projections and latents.
 *
 * ```text
 * x [..., E]
 * → [..., width]
 * ```
 */
export const sliceOp = defineOp<{ x: Tensor }, { start: number; width: number }>({
  name: 'slice',
  outputs({ x }, { start, width }) {
    const { E } = rowsOf('slice', 'x', x);
    if (!Number.isInteger(start) || !Number.isInteger(width) || start < 0 || width < 1 || start + width > E) {
      throw new ValueError('slice', 'start and width', `must lie inside the last axis of ${E}`, [
        start,
        width,
      ]);
    }
    return [f32(withLast(x.shape, width))];
  },
  reference({ x }, { start, width }) {
    const { rows, E } = rowsOf('slice', 'x', x);
    const y = new Float64Array(rows * width); // [rows, width]
    for (let r = 0; r < rows; r++) y.set(x.data.subarray(r * E + start, r * E + start + width), r * width);
    return [y];
  },
  gradient: {
    rule({ shapes, params: { start, width }, dy }, ops) {
      const rest = shapes.x.at(-1)! - start - width;
      const zeros = (count: number) => ops.zeros(dy, [...shapes.x.slice(0, -1), count]);
      const behind = rest > 0 ? ops.concat(dy, zeros(rest)) : dy;
      return { x: start > 0 ? ops.concat(zeros(start), behind) : behind };
    },
  },
});

/**
 * `y = [a, b]` along the last axis.
 *
 * ```text
 * a [..., Ea]
 * b [..., Eb]
 * → [..., Ea + Eb]
 * ```
 */
export const concatOp = defineOp<{ a: Tensor; b: Tensor }, Record<never, never>>({
  name: 'concat',
  outputs({ a, b }) {
    const axes = a.shape
      .slice(0, -1)
      .map((_, i) => `axis${i}`)
      .join(' ');
    const { Ea, Eb } = bindAxes('concat', { a: [a, `${axes} Ea`.trim()], b: [b, `${axes} Eb`.trim()] }) as {
      Ea: number;
      Eb: number;
    };
    return [f32(withLast(a.shape, Ea + Eb))];
  },
  reference({ a, b }) {
    const Ea = a.shape.at(-1)!;
    const Eb = b.shape.at(-1)!;
    const rows = sizeOf(withoutLast(a.shape));
    const y = new Float64Array(rows * (Ea + Eb)); // [rows, Ea + Eb]
    for (let r = 0; r < rows; r++) {
      y.set(a.data.subarray(r * Ea, (r + 1) * Ea), r * (Ea + Eb));
      y.set(b.data.subarray(r * Eb, (r + 1) * Eb), r * (Ea + Eb) + Ea);
    }
    return [y];
  },
  gradient: {
    rule({ shapes, dy, wants }, ops) {
      const [Ea, Eb] = [shapes.a.at(-1)!, shapes.b.at(-1)!];
      const part = (start: number, width: number) =>
        width === 0
          ? ops.reshape(ops.zeros(dy, [0]), [...shapes.a.slice(0, -1), 0])
          : ops.slice(dy, start, width);
      return { a: wants('a') ? part(0, Ea) : undefined, b: wants('b') ? part(Ea, Eb) : undefined };
    },
  },
});

/** `x[..., start : start + width]`. @throws {ValueError} if the range leaves the last axis. */
export function slice<Axes extends string = AnyAxes>(x: Tensor, start: number, width: number): Tensor<Axes> {
  return run(sliceOp, { x }, { start, width })[0] as Tensor<Axes>;
}

/** `[a, b]` along the last axis. @throws {ShapeError} if another axis differs. */
export function concat<Axes extends string = AnyAxes>(a: Tensor, b: Tensor): Tensor<Axes> {
  return run(concatOp, { a, b }, {})[0] as Tensor<Axes>;
}
