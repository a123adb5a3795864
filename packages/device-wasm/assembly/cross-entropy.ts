import { at, int, num, ptr } from './job';
import { largest } from './rowwise';
import { addWide, exp, expDown, splat, wideSum } from './vector';

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
  for (let row = start; row < end; row++) {
    const x = at(ptr(0), row * V), top = largest(x, V), shift = splat(top);
    let sum = f64x2.splat(0), plain = f64x2.splat(0), v = 0;
    while (v < whole) {
      let piece = splat(0), level = splat(0);
      for (const last = min(v + PIECE, whole); v < last; v += 4) {
        const z = v128.load(at(x, v));
        piece = f32x4.add(piece, expDown(f32x4.sub(z, shift)));
        level = f32x4.add(level, z);
      }
      sum = addWide(sum, piece);
      plain = addWide(plain, level);
    }
    let total = wideSum(sum), level = wideSum(plain);
    for (; v < V; v++) {
      const z = load<f32>(at(x, v));
      total += <f64>f32x4.extract_lane(expDown(splat(z - top)), 0);
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

/**
 * The way back: dy · (p − wanted) + dlse · p, with p = exp(logits − lse).
 *
 * ```text
 * arguments  0 logits, 1 targets, 2 dlogits, 3 lse, 4 rows, 5 V, 6 smoothing, 7 rows a task, 8 dy, 9 dlse or 0
 * ```
 */
export function crossEntropyGradientTask(task: i32): void {
  const V = int(5), start = task * int(7), end = min(int(4), start + int(7)), whole = V & ~3, epsilon = num(6);
  for (let row = start; row < end; row++) {
    const x = at(ptr(0), row * V), dx = at(ptr(2), row * V), lse = load<f32>(at(ptr(3), row));
    const target = load<i32>(at(ptr(1), row)), known = target >= 0 && target < V;
    const dy: f32 = known ? load<f32>(at(ptr(8), row)) : 0;
    const factor: f32 = dy + (ptr(9) ? load<f32>(at(ptr(9), row)) : 0), level: f32 = (dy * epsilon) / <f32>V;
    let v = 0;
    for (; v < whole; v += 4) {
      const p = exp(f32x4.sub(v128.load(at(x, v)), splat(lse)));
      v128.store(at(dx, v), f32x4.sub(f32x4.mul(p, splat(factor)), splat(level)));
    }
    for (; v < V; v++)
      store<f32>(at(dx, v), f32x4.extract_lane(exp(splat(load<f32>(at(x, v)) - lse)), 0) * factor - level);
    if (known) store<f32>(at(dx, target), load<f32>(at(dx, target)) - dy * (1 - epsilon));
  }
}
