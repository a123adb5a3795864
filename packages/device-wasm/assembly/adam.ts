import { loadPart, storePart } from './elementwise';
import { at, int, num, ptr } from './job';
import { splat } from './vector';

/**
 * One step of Adam in one pass (Kingma & Ba 2015, algorithm 1).
 *
 * ```text
 * arguments  0 gradient, 1 m, 2 v, 3 update, 4 m', 5 v', 6 length, 7 elements a task (a multiple of 4)
 *            8 β₁, 9 1 − β₁, 10 β₂, 11 1 − β₂, 12 1 / (1 − β₁ᵗ), 13 1 / (1 − β₂ᵗ), 14 ε
 * ```
 */
export function adamTask(task: i32): void {
  const start = task * int(7), end = min(int(6), start + int(7)), whole = start + ((end - start) & ~3);
  for (let n = start; n < whole; n += 4) {
    const g = v128.load(at(ptr(0), n)), m = first(v128.load(at(ptr(1), n)), g), v = second(v128.load(at(ptr(2), n)), g);
    v128.store(at(ptr(4), n), m);
    v128.store(at(ptr(5), n), v);
    v128.store(at(ptr(3), n), update(m, v));
  }
  const left = end - whole;
  if (left === 0) return;
  const g = loadPart(at(ptr(0), whole), left);
  const m = first(loadPart(at(ptr(1), whole), left), g), v = second(loadPart(at(ptr(2), whole), left), g);
  storePart(at(ptr(4), whole), m, left);
  storePart(at(ptr(5), whole), v, left);
  storePart(at(ptr(3), whole), update(m, v), left);
}

// @ts-ignore: decorator
@inline function first(m: v128, g: v128): v128 {
  return f32x4.add(f32x4.mul(m, splat(num(8))), f32x4.mul(g, splat(num(9))));
}

// @ts-ignore: decorator
@inline function second(v: v128, g: v128): v128 {
  return f32x4.add(f32x4.mul(v, splat(num(10))), f32x4.mul(f32x4.mul(g, g), splat(num(11))));
}

// @ts-ignore: decorator
@inline function update(m: v128, v: v128): v128 {
  const root = f32x4.add(f32x4.sqrt(f32x4.mul(v, splat(num(13)))), splat(num(14)));
  return f32x4.div(f32x4.mul(m, splat(num(12))), root);
}
