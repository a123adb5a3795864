import { int, ptr } from './job';

/**
 * Looks for numbers that are none: NaN and the infinities.
 *
 * ```text
 * arguments  0 source [count] f32, 1 count, 2 a word that becomes 1 where there is one, 3 numbers a task
 * ```
 */
export function finiteTask(task: i32): void {
  const first = task * int(3), count = min(int(3), int(1) - first), whole = count & ~15;
  let p = ptr(0) + (<usize>first << 2);
  // a NaN or an infinity times 0 is NaN, and stays so
  const zero = f32x4.splat(0);
  let a = zero, b = zero, c = zero, d = zero;
  for (const end = p + (<usize>whole << 2); p < end; p += 64) {
    a = f32x4.add(a, f32x4.mul(v128.load(p), zero));
    b = f32x4.add(b, f32x4.mul(v128.load(p, 16), zero));
    c = f32x4.add(c, f32x4.mul(v128.load(p, 32), zero));
    d = f32x4.add(d, f32x4.mul(v128.load(p, 48), zero));
  }
  const sums = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
  let rest: f32 = 0;
  for (let n = whole; n < count; n++, p += 4) rest += load<f32>(p) * 0;
  if (v128.any_true(f32x4.ne(sums, sums)) || rest !== rest) store<i32>(ptr(2), 1);
}
