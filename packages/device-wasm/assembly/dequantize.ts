import { fromHalves } from './format';
import { Format } from './kernel-list';
import { madd, splat } from './vector';

/** y[8] (+)= x · panel for one row x, dequantizing in registers. */
export function quantizedRow(x: usize, panel: usize, y: usize, K: i32, format: i32, add: bool): void {
  let low = add ? v128.load(y) : splat(0), high = add ? v128.load(y, 16) : splat(0);
  if (format === Format.f16 || format === Format.bf16) {
    let low1 = splat(0), high1 = splat(0);
    const half = format === Format.f16;
    for (let k = 0; k < K - 1; k += 2) {
      const x0 = v128.load32_splat(x), x1 = v128.load32_splat(x, 4);
      low = madd(x0, widen(panel, half), low);
      high = madd(x0, widen(panel + 8, half), high);
      low1 = madd(x1, widen(panel + 16, half), low1);
      high1 = madd(x1, widen(panel + 24, half), high1);
      x += 8;
      panel += 32;
    }
    if (K & 1) {
      const x0 = v128.load32_splat(x);
      low = madd(x0, widen(panel, half), low);
      high = madd(x0, widen(panel + 8, half), high);
    }
    v128.store(y, f32x4.add(low, low1));
    v128.store(y, f32x4.add(high, high1), 16);
    return;
  }
  for (let k = 0; k < K; k += 32) {
    let l0 = splat(0), l1 = splat(0), h0 = splat(0), h1 = splat(0);
    const d0 = fromHalves(v128.load16x4_s(panel)), d1 = fromHalves(v128.load16x4_s(panel, 8));
    if (format === Format.Q8_0) {
      const quants = panel + 16;
      for (let s: usize = 0; s < 32; s += 2) {
        const q = quants + (s << 3);
        const x0 = v128.load32_splat(x + (s << 2)), x1 = v128.load32_splat(x + (s << 2), 4);
        const a = v128.load8x8_s(q), b = v128.load8x8_s(q, 8);
        l0 = madd(x0, low4(a), l0);
        h0 = madd(x0, high4(a), h0);
        l1 = madd(x1, low4(b), l1);
        h1 = madd(x1, high4(b), h1);
      }
      panel += 272;
    } else {
      const offset = i8x16.splat(format === Format.Q4_0 ? 8 : 0);
      const quants = panel + (format === Format.Q4_0 ? 16 : 32);
      for (let s: usize = 0; s < 32; s += 4) {
        const bytes = v128.load(quants + (s << 2));
        const p = i8x16.sub(v128.and(bytes, i8x16.splat(15)), offset);
        const q = i8x16.sub(i8x16.shr_u(bytes, 4), offset);
        const xs = x + (s << 2);
        const a = i16x8.extend_low_i8x16_s(p), b = i16x8.extend_high_i8x16_s(p);
        const x0 = v128.load32_splat(xs), x1 = v128.load32_splat(xs, 4);
        l0 = madd(x0, low4(a), l0);
        h0 = madd(x0, high4(a), h0);
        l1 = madd(x1, low4(b), l1);
        h1 = madd(x1, high4(b), h1);
        const c = i16x8.extend_low_i8x16_s(q), e = i16x8.extend_high_i8x16_s(q);
        const x2 = v128.load32_splat(xs, 8), x3 = v128.load32_splat(xs, 12);
        l0 = madd(x2, low4(c), l0);
        h0 = madd(x2, high4(c), h0);
        l1 = madd(x3, low4(e), l1);
        h1 = madd(x3, high4(e), h1);
      }
      if (format === Format.Q4_1) {
        let total = splat(0);
        for (let s: usize = 0; s < 128; s += 16) total = f32x4.add(total, v128.load(x + s));
        const sum = splat(
          f32x4.extract_lane(total, 0) + f32x4.extract_lane(total, 1) + (f32x4.extract_lane(total, 2) + f32x4.extract_lane(total, 3)),
        );
        low = madd(sum, fromHalves(v128.load16x4_s(panel, 16)), low);
        high = madd(sum, fromHalves(v128.load16x4_s(panel, 24)), high);
        panel += 160;
      } else panel += 144;
    }
    low = madd(d0, f32x4.add(l0, l1), low);
    high = madd(d1, f32x4.add(h0, h1), high);
    x += 128;
  }
  v128.store(y, low);
  v128.store(y, high, 16);
}

/** `[steps][8]` f32 from a panel; for the block formats `steps` is a multiple of 32. */
export function dequantizePanel(panel: usize, target: usize, steps: i32, format: i32): void {
  if (format === Format.f16 || format === Format.bf16) {
    const half = format === Format.f16;
    for (let k = 0; k < steps; k++) {
      v128.store(target, widen(panel, half));
      v128.store(target, widen(panel + 8, half), 16);
      panel += 16;
      target += 32;
    }
    return;
  }
  for (let k = 0; k < steps; k += 32) {
    const d0 = fromHalves(v128.load16x4_s(panel)), d1 = fromHalves(v128.load16x4_s(panel, 8));
    if (format === Format.Q8_0) {
      for (let s: usize = 0; s < 32; s++) {
        const q = v128.load8x8_s(panel + 16 + (s << 3));
        v128.store(target, f32x4.mul(d0, low4(q)));
        v128.store(target, f32x4.mul(d1, high4(q)), 16);
        target += 32;
      }
      panel += 272;
      continue;
    }
    const small = format === Format.Q4_0;
    const m0 = small ? f32x4.mul(d0, splat(-8)) : fromHalves(v128.load16x4_s(panel, 16));
    const m1 = small ? f32x4.mul(d1, splat(-8)) : fromHalves(v128.load16x4_s(panel, 24));
    const quants = panel + (small ? 16 : 32);
    for (let s: usize = 0; s < 32; s += 4) {
      const bytes = v128.load(quants + (s << 2));
      const p = v128.and(bytes, i8x16.splat(15)), q = i8x16.shr_u(bytes, 4);
      storeScaled(i16x8.extend_low_i8x16_s(p), d0, d1, m0, m1, target);
      storeScaled(i16x8.extend_high_i8x16_s(p), d0, d1, m0, m1, target + 32);
      storeScaled(i16x8.extend_low_i8x16_s(q), d0, d1, m0, m1, target + 64);
      storeScaled(i16x8.extend_high_i8x16_s(q), d0, d1, m0, m1, target + 96);
      target += 128;
    }
    panel += small ? 144 : 160;
  }
}

// @ts-ignore: decorator
@inline function storeScaled(q: v128, d0: v128, d1: v128, m0: v128, m1: v128, target: usize): void {
  v128.store(target, madd(d0, low4(q), m0));
  v128.store(target, madd(d1, high4(q), m1), 16);
}

// @ts-ignore: decorator
@inline function low4(q: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(q));
}

// @ts-ignore: decorator
@inline function high4(q: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(q));
}

// @ts-ignore: decorator
@inline function widen(address: usize, half: bool): v128 {
  return half ? fromHalves(v128.load16x4_s(address)) : i32x4.shl(v128.load16x4_u(address), 16);
}
