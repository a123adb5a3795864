import { LOG2E } from './attention';
import { at, int, num, ptr } from './job';
import { addWide, exp2Constant, exp2Near, largestScore, splat, wideSum } from './vector';

/** Numbers that are summed in f32 before they join the sum in f64. */
const PIECE: i32 = 64;

/**
 * Cross-entropy of rows of logits with an id each; outside 0 … V − 1 the loss is 0.
 *
 * ```text
 * arguments  0 logits, 1 targets, 2 losses, 3 lse, 4 rows, 5 V, 6 smoothing, 7 rows a task
 * ```
 */
export function crossEntropyTask(task: i32): void {
  const V = int(5), start = task * int(7), end = min(int(4), start + int(7)), whole = V & ~3, epsilon = <f64>num(6);
  const unit = splat(LOG2E), lowest = exp2Constant(0), magic = exp2Constant(1), c5 = exp2Constant(2), c4 = exp2Constant(3);
  const c3 = exp2Constant(4), c2 = exp2Constant(5), c1 = exp2Constant(6), c0 = exp2Constant(7);
  for (let row = start; row < end; row++) {
    const x = at(ptr(0), row * V), top = largestLogit(x, V), shift = splat(top);
    let sum = f64x2.splat(0), plain = f64x2.splat(0), v = 0;
    while (v < whole) {
      let piece = splat(0), level = splat(0);
      for (const last = min(v + PIECE, whole); v < last; v += 4) {
        const z = v128.load(at(x, v));
        const e = f32x4.mul(f32x4.sub(z, shift), unit);
        piece = f32x4.add(piece, exp2Near(f32x4.pmax(e, lowest), magic, c5, c4, c3, c2, c1, c0));
        level = f32x4.add(level, z);
      }
      sum = addWide(sum, piece);
      plain = addWide(plain, level);
    }
    let total = wideSum(sum), level = wideSum(plain);
    for (; v < V; v++) {
      const z = load<f32>(at(x, v));
      const e = exp2Near(f32x4.pmax(splat((z - top) * LOG2E), lowest), magic, c5, c4, c3, c2, c1, c0);
      total += <f64>f32x4.extract_lane(e, 0);
      level += <f64>z;
    }
    const lse = <f64>top + Math.log(total), target = load<i32>(at(ptr(1), row));
    store<f32>(at(ptr(3), row), <f32>lse);
    let loss: f64 = 0;
    if (target >= 0 && target < V) {
      loss = (1 - epsilon) * (lse - <f64>load<f32>(at(x, target)));
      if (epsilon > 0) loss += epsilon * (lse - level / <f64>V);
    }
    store<f32>(at(ptr(2), row), <f32>loss);
  }
}

/** The largest of a row, or any other where there is NaN, which makes the sum NaN. */
function largestLogit(x: usize, V: i32): f32 {
  const eights = V & ~7;
  let top: f32 = eights > 0 ? largestScore(x, eights) : -Infinity;
  for (let v = eights; v < V; v++) top = max(top, load<f32>(at(x, v)));
  return top;
}

/**
 * The way back: dy · (p − wanted) + dlse · p, with p = exp(logits − lse).
 *
 * ```text
 * arguments  0 logits, 1 targets, 2 dlogits, 3 lse, 4 rows, 5 V, 6 smoothing, 7 rows a task, 8 dy, 9 dlse or 0
 * ```
 */
export function crossEntropyGradientTask(task: i32): void {
  const V = int(5), start = task * int(7), end = min(int(4), start + int(7)), whole = V & ~3, epsilon = num(6);
  const unit = splat(LOG2E), lowest = exp2Constant(0), magic = exp2Constant(1), c5 = exp2Constant(2), c4 = exp2Constant(3);
  const c3 = exp2Constant(4), c2 = exp2Constant(5), c1 = exp2Constant(6), c0 = exp2Constant(7);
  for (let row = start; row < end; row++) {
    const x = at(ptr(0), row * V), dx = at(ptr(2), row * V), lse = load<f32>(at(ptr(3), row));
    const target = load<i32>(at(ptr(1), row)), known = target >= 0 && target < V;
    const dy: f32 = known ? load<f32>(at(ptr(8), row)) : 0;
    const factor: f32 = dy + (ptr(9) ? load<f32>(at(ptr(9), row)) : 0), level: f32 = (dy * epsilon) / <f32>V;
    let v = 0;
    for (; v < whole; v += 4) {
      const e = f32x4.mul(f32x4.sub(v128.load(at(x, v)), splat(lse)), unit);
      const p = v128.andnot(exp2Near(f32x4.pmax(e, lowest), magic, c5, c4, c3, c2, c1, c0), f32x4.lt(e, lowest));
      v128.store(at(dx, v), f32x4.sub(f32x4.mul(p, splat(factor)), splat(level)));
    }
    for (; v < V; v++) {
      const e = splat((load<f32>(at(x, v)) - lse) * LOG2E);
      const p = v128.andnot(exp2Near(f32x4.pmax(e, lowest), magic, c5, c4, c3, c2, c1, c0), f32x4.lt(e, lowest));
      store<f32>(at(dx, v), f32x4.extract_lane(p, 0) * factor - level);
    }
    if (known) store<f32>(at(dx, target), load<f32>(at(dx, target)) - dy * (1 - epsilon));
  }
}
