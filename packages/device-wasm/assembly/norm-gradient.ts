import { storePart } from './elementwise';
import { at, int, num, ptr } from './job';
import { some, squares, total } from './rowwise';
import { addWide, splat, wideSum } from './vector';

/** Numbers that are summed in f32 before they join the sum in f64. */
const PIECE: i32 = 64;

/**
 * Gradients of LayerNorm and RMSNorm over rows. What belongs to weights is summed up task by task, to be put together.
 *
 * ```text
 * arguments  0 x, 1 weight or 0, 2 dy, 3 dx or 0, 4 sums for the weight [tasks, E] or 0, 5 for the bias or 0,
 *            6 rows, 7 E, 8 eps, 9 centred (LayerNorm), 10 rows a task
 * ```
 */
export function normGradientTask(task: i32): void {
  const E = int(7), start = task * int(10), end = min(int(6), start + int(10));
  const gains = ptr(4) ? at(ptr(4), task * E) : 0, shifts = ptr(5) ? at(ptr(5), task * E) : 0;
  if (gains) memory.fill(gains, 0, <usize>E << 2);
  if (shifts) memory.fill(shifts, 0, <usize>E << 2);
  if (E & 3) rowsBack(start, end, E, gains, shifts, false);
  else rowsBack(start, end, E, gains, shifts, true);
}

/** @param fours E is a multiple of 4: then nothing looks for the end of a row */
// @ts-ignore: decorator
@inline function rowsBack(start: i32, end: i32, E: i32, gains: usize, shifts: usize, fours: bool): void {
  const centred = int(9) !== 0, weight = ptr(1), share = 1 / <f64>E, wanted = ptr(3) !== 0, eps = num(8);
  for (let row = start; row < end; row++) {
    const x = at(ptr(0), row * E), dy = at(ptr(2), row * E);
    const mean: f32 = centred ? <f32>(total(x, E) * share) : 0;
    const inverse: f32 = 1 / sqrt<f32>(<f32>(squares(x, E, mean) * share) + eps);
    const m = splat(mean), s = splat(inverse);
    let sum = f64x2.splat(0), along = f64x2.splat(0), e = 0;
    while (e < E) {
      let piece = splat(0), slant = splat(0);
      for (const last = min(e + PIECE, E); e < last; e += 4) {
        const left = fours ? 4 : E - e, back = some(at(dy, e), left);
        const normed = f32x4.mul(f32x4.sub(some(at(x, e), left), m), s);
        const inner = weight ? f32x4.mul(back, some(at(weight, e), left)) : back;
        piece = f32x4.add(piece, inner);
        // beyond the row both are zeros but for the mean, and inner is one
        slant = f32x4.add(slant, f32x4.mul(inner, normed));
        if (gains) put(at(gains, e), f32x4.add(some(at(gains, e), left), f32x4.mul(back, normed)), left);
        if (shifts) put(at(shifts, e), f32x4.add(some(at(shifts, e), left), back), left);
      }
      sum = addWide(sum, piece);
      along = addWide(along, slant);
    }
    if (!wanted) continue;
    const dx = at(ptr(3), row * E);
    const level = splat(centred ? <f32>(wideSum(sum) * share) : 0), slope = splat(<f32>(wideSum(along) * share));
    for (e = 0; e < E; e += 4) {
      const left = fours ? 4 : E - e;
      const normed = f32x4.mul(f32x4.sub(some(at(x, e), left), m), s);
      let inner = some(at(dy, e), left);
      if (weight) inner = f32x4.mul(inner, some(at(weight, e), left));
      put(at(dx, e), f32x4.mul(s, f32x4.sub(f32x4.sub(inner, level), f32x4.mul(normed, slope))), left);
    }
  }
}

// @ts-ignore: decorator
@inline function put(to: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(to, v);
  else storePart(to, v, left);
}
