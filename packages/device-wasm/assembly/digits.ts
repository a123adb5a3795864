import { fromHalvesWith, halfConstant } from './format';
import { largestBits, madd, SMALLEST_UNIT, splat, wholeSum } from './vector';

/**
 * A row times weights of 4 bits, with relaxed SIMD: its dot product of bytes multiplies 16 numbers at once, if one side
 * has no sign and at most 7 bits. So a number of x is cut into three digits of 8 bits, whole multiples of a power of 2
 * no coarser than 2^-22 of the largest of its block: as fine as f32 itself.
 *
 * ```text
 * block   128 bytes: [4] steps of 8 numbers n: [3] digits, the highest first: bytes of n = 0, 4, 1, 5 | 2, 6, 3, 7
 * 96      [3] −8 · Σ digit over even n, over odd n (i16), as the two sums of a row are kept
 * 108     the power of 2, Σ x (f32)
 * ```
 */
/** 2^127, as bits */
const HUGE: i32 = 0x7f000000;
/** Half bytes, ones of 16 bits, and 65536; in memory because V8 builds a constant vector anew at each use. */
const MASKS: usize = memory.data<u32>([0x0f0f0f0f, 0x00010001, 0x47800000], 16);

/** Writes `[K/32]` such blocks. @returns whether x can be written so, as `prepareRow`. */
export function prepareDigits(x: usize, K: i32, target: usize): bool {
  let fits = true;
  for (let k = 0; k < K; k += 32) {
    const largest = largestBits(x);
    fits = fits && largest < HUGE && (largest === 0 || largest > reinterpret<i32>(SMALLEST_UNIT));
    // the highest digit ends at 127: above 127/128 of the next power it is that one
    const power = max<f32>(reinterpret<f32>(reinterpret<i32>(reinterpret<f32>(largest) * 1.008) & 0x7f800000), SMALLEST_UNIT);
    const inverse = splat(4194304 / power);
    let sum0 = i32x4.splat(0), sum1 = sum0, sum2 = sum0;
    for (let n: usize = 0; n < 4; n++) {
      let a = i32x4.relaxed_trunc_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x), inverse)));
      let b = i32x4.relaxed_trunc_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x, 16), inverse)));
      const a2 = lastDigit(a), b2 = lastDigit(b);
      a = i32x4.shr_s(i32x4.sub(a, a2), 8);
      b = i32x4.shr_s(i32x4.sub(b, b2), 8);
      const a1 = lastDigit(a), b1 = lastDigit(b);
      a = i32x4.shr_s(i32x4.sub(a, a1), 8);
      b = i32x4.shr_s(i32x4.sub(b, b1), 8);
      sum0 = i32x4.add(sum0, i32x4.add(a, b));
      sum1 = i32x4.add(sum1, i32x4.add(a1, b1));
      sum2 = i32x4.add(sum2, i32x4.add(a2, b2));
      v128.store64_lane(target, inOrder(a, b), 0);
      v128.store64_lane(target, inOrder(a1, b1), 0, 8);
      v128.store64_lane(target, inOrder(a2, b2), 0, 16);
      x += 32;
      target += 24;
    }
    store<i32>(target, offsets(sum0));
    store<i32>(target, offsets(sum1), 4);
    store<i32>(target, offsets(sum2), 8);
    const unit = power / 4194304;
    store<f32>(target, unit, 12);
    store<f32>(target, (<f32>wholeSum(sum0) * 65536 + <f32>((wholeSum(sum1) << 8) + wholeSum(sum2))) * unit, 16);
    target += 32;
  }
  return fits;
}

/** The value of the lowest 8 bits, with sign. */
// @ts-ignore: decorator
@inline function lastDigit(v: v128): v128 {
  return i32x4.shr_s(i32x4.shl(v, 24), 24);
}

/** Bytes of numbers 0, 4, 1, 5, 2, 6, 3, 7; then anything. */
// @ts-ignore: decorator
@inline function inOrder(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 0, 16, 4, 20, 8, 24, 12, 28, 0, 0, 0, 0, 0, 0, 0, 0);
}

function offsets(sum: v128): i32 {
  const even = i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 2);
  const odd = i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 3);
  return ((-8 * even) & 0xffff) | ((-8 * odd) << 16);
}

/** Adds x · w of a panel: Q4_1 if `least`, which adds `m · Σ x`, else Q4_0. Sums of 16 bits hold a block of 32 numbers. */
export function addNibbleDigits(x: usize, panel: usize, y: usize, K: i32, least: bool): void {
  const mask = v128.load32_splat(MASKS), ones = v128.load32_splat(MASKS, 4), first = v128.load32_splat(MASKS, 8);
  const halfMask = halfConstant(0), halfScale = halfConstant(1);
  for (let k = 0; k < K; k += 32) {
    let s0 = least ? i32x4.splat(0) : v128.load32_splat(x, 96), s1 = least ? s0 : v128.load32_splat(x, 100), s2 = least ? s0 : v128.load32_splat(x, 104);
    let t0 = s0, t1 = s1, t2 = s2;
    const start = panel;
    panel += least ? 32 : 16;
    for (const end = x + 96; x < end; x += 24) {
      const a = v128.load(panel), b = v128.load(panel, 16);
      const p = v128.and(a, mask), q = v128.and(b, mask);
      // one digit after the other: more at once do not fit into V8's registers
      let u = v128.load32_splat(x);
      s0 = i16x8.add(s0, i16x8.relaxed_dot_i8x16_i7x16_s(u, p));
      t0 = i16x8.add(t0, i16x8.relaxed_dot_i8x16_i7x16_s(u, q));
      u = v128.load32_splat(x, 8);
      s1 = i16x8.add(s1, i16x8.relaxed_dot_i8x16_i7x16_s(u, p));
      t1 = i16x8.add(t1, i16x8.relaxed_dot_i8x16_i7x16_s(u, q));
      u = v128.load32_splat(x, 16);
      s2 = i16x8.add(s2, i16x8.relaxed_dot_i8x16_i7x16_s(u, p));
      t2 = i16x8.add(t2, i16x8.relaxed_dot_i8x16_i7x16_s(u, q));
      const c = v128.and(i16x8.shr_u(a, 4), mask), d = v128.and(i16x8.shr_u(b, 4), mask);
      u = v128.load32_splat(x, 4);
      s0 = i16x8.add(s0, i16x8.relaxed_dot_i8x16_i7x16_s(u, c));
      t0 = i16x8.add(t0, i16x8.relaxed_dot_i8x16_i7x16_s(u, d));
      u = v128.load32_splat(x, 12);
      s1 = i16x8.add(s1, i16x8.relaxed_dot_i8x16_i7x16_s(u, c));
      t1 = i16x8.add(t1, i16x8.relaxed_dot_i8x16_i7x16_s(u, d));
      u = v128.load32_splat(x, 20);
      s2 = i16x8.add(s2, i16x8.relaxed_dot_i8x16_i7x16_s(u, c));
      t2 = i16x8.add(t2, i16x8.relaxed_dot_i8x16_i7x16_s(u, d));
      panel += 32;
    }
    const unit = v128.load32_splat(x, 12);
    const d0 = f32x4.mul(fromHalvesWith(v128.load16x4_s(start), halfMask, halfScale), unit);
    const d1 = f32x4.mul(fromHalvesWith(v128.load16x4_s(start, 8), halfMask, halfScale), unit);
    let low = madd(d0, joined(s0, s1, s2, ones, first), v128.load(y)), high = madd(d1, joined(t0, t1, t2, ones, first), v128.load(y, 16));
    if (least) {
      const sum = v128.load32_splat(x, 16);
      low = madd(sum, fromHalvesWith(v128.load16x4_s(start, 16), halfMask, halfScale), low);
      high = madd(sum, fromHalvesWith(v128.load16x4_s(start, 24), halfMask, halfScale), high);
    }
    v128.store(y, low);
    v128.store(y, high, 16);
    x += 32;
  }
}

/** 65536 · a + 256 · b + c, each the sum of two neighbours; the last two together are below 2^24. */
// @ts-ignore: decorator
@inline function joined(a: v128, b: v128, c: v128, ones: v128, first: v128): v128 {
  const rest = i32x4.add(i32x4.shl(i32x4.dot_i16x8_s(b, ones), 8), i32x4.dot_i16x8_s(c, ones));
  return madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(a, ones)), first, f32x4.convert_i32x4_s(rest));
}
