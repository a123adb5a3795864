import { fromHalves } from './format';
import { Format } from './kernel-list';
import { madd, splat, sumOf } from './vector';

/** y[8] (+)= x · panel for one row x, dequantizing in registers; `totals` as `blockTotals` left them. */
export function quantizedRow(x: usize, panel: usize, y: usize, K: i32, format: i32, add: bool, totals: usize): void {
  let low = add ? v128.load(y) : splat(0), high = add ? v128.load(y, 16) : splat(0);
  if (format === Format.f16) return halfRow(x, panel, y, K, low, high);
  if (format === Format.bf16) return brainRow(x, panel, y, K, low, high);
  v128.store(y, low);
  v128.store(y, high, 16);
  quantizedBlocks(x, panel, y, K, format, totals);
}

function halfRow(x: usize, panel: usize, y: usize, K: i32, low: v128, high: v128): void {
  for (let k = 0; k < K; k++) {
    const x0 = v128.load32_splat(x);
    low = madd(x0, fromHalves(v128.load16x4_s(panel)), low);
    high = madd(x0, fromHalves(v128.load16x4_s(panel, 8)), high);
    x += 4;
    panel += 16;
  }
  v128.store(y, low);
  v128.store(y, high, 16);
}

function brainRow(x: usize, panel: usize, y: usize, K: i32, low: v128, high: v128): void {
  let low1 = splat(0), high1 = low1;
  for (let k = K >> 1; k > 0; k--) {
    const x0 = v128.load32_splat(x), x1 = v128.load32_splat(x, 4);
    low = madd(x0, i32x4.shl(v128.load16x4_u(panel), 16), low);
    high = madd(x0, i32x4.shl(v128.load16x4_u(panel, 8), 16), high);
    low1 = madd(x1, i32x4.shl(v128.load16x4_u(panel, 16), 16), low1);
    high1 = madd(x1, i32x4.shl(v128.load16x4_u(panel, 24), 16), high1);
    x += 8;
    panel += 32;
  }
  if (K & 1) {
    const x0 = v128.load32_splat(x);
    low = madd(x0, i32x4.shl(v128.load16x4_u(panel), 16), low);
    high = madd(x0, i32x4.shl(v128.load16x4_u(panel, 8), 16), high);
  }
  v128.store(y, f32x4.add(low, low1));
  v128.store(y, f32x4.add(high, high1), 16);
}

/**
 * Byte i of a vector as an integer in lane i mod 4: four masks for a table look-up, 0x80 gives 0. And the mask of
 * four bits. In memory because V8 builds a constant vector anew at each use.
 */
const SPREAD: usize = memory.data<u8>(
  [
    0, 128, 128, 128, 1, 128, 128, 128, 2, 128, 128, 128, 3, 128, 128, 128,
    4, 128, 128, 128, 5, 128, 128, 128, 6, 128, 128, 128, 7, 128, 128, 128,
    8, 128, 128, 128, 9, 128, 128, 128, 10, 128, 128, 128, 11, 128, 128, 128,
    12, 128, 128, 128, 13, 128, 128, 128, 14, 128, 128, 128, 15, 128, 128, 128,
    15,
  ],
  16,
);

/**
 * Adds x · w for the block formats. Bytes are read without their offset, `Σ x · (q − o) = Σ x · q − o · Σ x`: one
 * look-up and one conversion then make four numbers. `totals` holds the sum of x over each block.
 */
function quantizedBlocks(x: usize, panel: usize, y: usize, K: i32, format: i32, totals: usize): void {
  const m0 = v128.load(SPREAD), m1 = v128.load(SPREAD, 16), m2 = v128.load(SPREAD, 32), m3 = v128.load(SPREAD, 48);
  const nibble = v128.load8_splat(SPREAD, 64);
  const header: usize = format === Format.Q4_1 ? 32 : 16;
  const offset: f32 = format === Format.Q8_0 ? -128 : format === Format.Q4_0 ? -8 : 0;
  for (let k = 0; k < K; k += 32) {
    const start = panel;
    let l0 = splat(load<f32>(totals) * offset), l1 = splat(0), h0 = l0, h1 = l1;
    panel += header;
    if (format === Format.Q8_0)
      for (let end = x + 128; x < end; x += 8) {
        const bytes = v128.load(panel);
        const x0 = v128.load32_splat(x), x1 = v128.load32_splat(x, 4);
        l0 = madd(x0, spread(bytes, m0), l0);
        h0 = madd(x0, spread(bytes, m1), h0);
        l1 = madd(x1, spread(bytes, m2), l1);
        h1 = madd(x1, spread(bytes, m3), h1);
        panel += 16;
      }
    else
      for (let end = x + 128; x < end; x += 16) {
        const both = v128.load(panel);
        const p = v128.and(both, nibble), q = v128.and(i16x8.shr_u(both, 4), nibble);
        const x0 = v128.load32_splat(x), x1 = v128.load32_splat(x, 4);
        l0 = madd(x0, spread(p, m0), l0);
        h0 = madd(x0, spread(p, m1), h0);
        l1 = madd(x1, spread(p, m2), l1);
        h1 = madd(x1, spread(p, m3), h1);
        const x2 = v128.load32_splat(x, 8), x3 = v128.load32_splat(x, 12);
        l0 = madd(x2, spread(q, m0), l0);
        h0 = madd(x2, spread(q, m1), h0);
        l1 = madd(x3, spread(q, m2), l1);
        h1 = madd(x3, spread(q, m3), h1);
        panel += 16;
      }
    let low = v128.load(y), high = v128.load(y, 16);
    low = madd(fromHalves(v128.load16x4_s(start)), f32x4.add(l0, l1), low);
    high = madd(fromHalves(v128.load16x4_s(start, 8)), f32x4.add(h0, h1), high);
    if (format === Format.Q4_1) {
      const total = v128.load32_splat(totals);
      low = madd(total, fromHalves(v128.load16x4_s(start, 16)), low);
      high = madd(total, fromHalves(v128.load16x4_s(start, 24)), high);
    }
    v128.store(y, low);
    v128.store(y, high, 16);
    totals += 4;
  }
}

// @ts-ignore: decorator
@inline function spread(bytes: v128, mask: v128): v128 {
  return f32x4.convert_i32x4_s(ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(bytes, mask) : i8x16.swizzle(bytes, mask));
}

/** The sums of x over blocks of 32. */
export function blockTotals(x: usize, K: i32, totals: usize): void {
  for (let k = 0; k < K; k += 32) {
    let sum = splat(0);
    for (let end = x + 128; x < end; x += 16) sum = f32x4.add(sum, v128.load(x));
    store<f32>(totals, sumOf(sum));
    totals += 4;
  }
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
        const q = i16x8.sub(v128.load8x8_u(panel + 16 + (s << 3)), i16x8.splat(128));
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
