import { fromHalvesWith, halfConstant } from './format';
import { Format } from './kernel-list';
import { madd, splat } from './vector';

/**
 * One row of x times panels that lie `size` bytes apart, in 16 bits (those of f32 are in the micro-kernels). Streams that each go front to back through pages of their own
 * are what prefetchers follow best, and each number of x is loaded once for all of them. The 8 sums of each panel lie
 * `step` bytes after those of the last.
 */

/** y (+)= x · two panels of f16 or bf16: widening needs the registers that more panels would take. */
export function twoShortPanels(x: usize, panel: usize, size: usize, y: usize, step: usize, K: i32, format: i32, add: bool): void {
  if (format === Format.f16) sumTwo(x, panel, panel + size, y, y + step, K, add, true);
  else sumTwo(x, panel, panel + size, y, y + step, K, add, false);
}

// @ts-ignore: decorator
@inline function sumTwo(x0: usize, p0: usize, q0: usize, y: usize, y1: usize, K: i32, add: bool, half: bool): void {
  let x = x0, p = p0, q = q0;
  const mask = halfConstant(0), scale = halfConstant(1);
  let a = splat(0), b = a, c = a, d = a;
  for (const end = x + (<usize>K << 2); x < end; x += 4) {
    const x0 = v128.load32_splat(x);
    if (half) {
      a = madd(x0, fromHalvesWith(v128.load16x4_s(p), mask, scale), a);
      b = madd(x0, fromHalvesWith(v128.load16x4_s(p, 8), mask, scale), b);
      c = madd(x0, fromHalvesWith(v128.load16x4_s(q), mask, scale), c);
      d = madd(x0, fromHalvesWith(v128.load16x4_s(q, 8), mask, scale), d);
    } else {
      a = madd(x0, i32x4.shl(v128.load16x4_u(p), 16), a);
      b = madd(x0, i32x4.shl(v128.load16x4_u(p, 8), 16), b);
      c = madd(x0, i32x4.shl(v128.load16x4_u(q), 16), c);
      d = madd(x0, i32x4.shl(v128.load16x4_u(q, 8), 16), d);
    }
    p += 16;
    q += 16;
  }
  if (add) {
    a = f32x4.add(a, v128.load(y));
    b = f32x4.add(b, v128.load(y, 16));
    c = f32x4.add(c, v128.load(y1));
    d = f32x4.add(d, v128.load(y1, 16));
  }
  v128.store(y, a);
  v128.store(y, b, 16);
  v128.store(y1, c);
  v128.store(y1, d, 16);
}
