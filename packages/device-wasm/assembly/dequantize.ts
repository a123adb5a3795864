import { fromHalves, panelBytes } from './format';
import { Format } from './kernel-list';
import { madd, maxOf, splat } from './vector';

/** y[8] (+)= x · panel for one row x, dequantizing in registers; for the block formats x as `prepareRow` wrote it. */
export function quantizedRow(x: usize, panel: usize, y: usize, K: i32, format: i32, add: bool): void {
  let low = add ? v128.load(y) : splat(0), high = add ? v128.load(y, 16) : splat(0);
  if (format === Format.f16) return halfRow(x, panel, y, K, low, high);
  if (format === Format.bf16) return brainRow(x, panel, y, K, low, high);
  v128.store(y, low);
  v128.store(y, high, 16);
  if (format === Format.Q8_0) addBytes(x, panel, y, K);
  else addNibbles(x, panel, y, K, format === Format.Q4_1);
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
 * A row x as the integer products read it. Each block of 32 numbers becomes whole multiples of a power of 2, below
 * 2^29 and therefore no coarser than 2^-29 of the largest: finer than f32 keeps their products. A multiple is cut into
 * 32768 · high + low, both 16 bits:
 *
 * ```text
 * 0    [16] pairs of successive numbers: 4 times the two highs, 4 times the two lows, all i16
 * 512  Σ high, Σ low (i32), the power of 2, Σ x (f32)
 * ```
 *
 * Four times, because V8 loads a vector in one instruction, and repeats a word from an offset in two.
 */
const PREPARED: usize = 528;
/** 2^-80 */
const SMALLEST: f32 = 8.271806125530277e-25;

export function preparedBytes(K: i32): usize {
  return <usize>(K >> 5) * PREPARED;
}

/**
 * Writes `[K/32]` such blocks.
 *
 * @returns whether x can be written so: all finite, and no block so small that its unit is no f32. Else what was
 * written means nothing.
 */
export function prepareRow(x: usize, K: i32, target: usize): bool {
  let fits = true;
  for (let k = 0; k < K; k += 32) {
    let top = f32x4.abs(v128.load(x));
    for (let n: usize = 16; n < 128; n += 16) top = f32x4.max(top, f32x4.abs(v128.load(x + n)));
    const largest = maxOf(top);
    fits = fits && largest < Infinity && (largest === 0 || largest > SMALLEST);
    const power = max<f32>(reinterpret<f32>(reinterpret<u32>(largest) & 0x7f800000), SMALLEST);
    const inverse = splat(268435456 / power);
    let sumHigh = i32x4.splat(0), sumLow = sumHigh;
    for (let n: usize = 0; n < 128; n += 32) {
      const a = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x + n), inverse)));
      const b = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x + n, 16), inverse)));
      const lowA = i32x4.shr_s(i32x4.shl(a, 17), 17), lowB = i32x4.shr_s(i32x4.shl(b, 17), 17);
      const highA = i32x4.shr_s(i32x4.sub(a, lowA), 15), highB = i32x4.shr_s(i32x4.sub(b, lowB), 15);
      sumHigh = i32x4.add(sumHigh, i32x4.add(highA, highB));
      sumLow = i32x4.add(sumLow, i32x4.add(lowA, lowB));
      const highs = i16x8.narrow_i32x4_s(highA, highB), lows = i16x8.narrow_i32x4_s(lowA, lowB);
      const pairs = target + (n << 2);
      v128.store(pairs, v128.shuffle<i32>(highs, highs, 0, 0, 0, 0));
      v128.store(pairs, v128.shuffle<i32>(lows, lows, 0, 0, 0, 0), 16);
      v128.store(pairs, v128.shuffle<i32>(highs, highs, 1, 1, 1, 1), 32);
      v128.store(pairs, v128.shuffle<i32>(lows, lows, 1, 1, 1, 1), 48);
      v128.store(pairs, v128.shuffle<i32>(highs, highs, 2, 2, 2, 2), 64);
      v128.store(pairs, v128.shuffle<i32>(lows, lows, 2, 2, 2, 2), 80);
      v128.store(pairs, v128.shuffle<i32>(highs, highs, 3, 3, 3, 3), 96);
      v128.store(pairs, v128.shuffle<i32>(lows, lows, 3, 3, 3, 3), 112);
    }
    const high = wholeSum(sumHigh), low = wholeSum(sumLow);
    const unit = power / 268435456;
    store<i32>(target, high, 512);
    store<i32>(target, low, 516);
    store<f32>(target, unit, 520);
    store<f32>(target, (<f32>high * 32768 + <f32>low) * unit, 524);
    x += 128;
    target += PREPARED;
  }
  return fits;
}

function wholeSum(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

/** A byte and a half byte of each 16 bits; in memory because V8 builds a constant vector anew at each use. */
const MASKS: usize = memory.data<u32>([0x00ff00ff, 0x000f000f], 16);

/**
 * Adds x · w for Q8_0: integer products over a block, exact; then one scale. The integers have no sign,
 * `Σ x · (q − 128) = Σ x · q − 128 · Σ x`.
 */
function addBytes(x: usize, panel: usize, y: usize, K: i32): void {
  const mask = v128.load32_splat(MASKS);
  for (let k = 0; k < K; k += 32) {
    let h0 = i32x4.splat(load<i32>(x, 512) * -128), l0 = i32x4.splat(load<i32>(x, 516) * -128), h1 = h0, l1 = l0;
    const start = panel;
    for (const end = x + 512; x < end; x += 128) {
      const a = v128.load(panel, 16), b = v128.load(panel, 32), c = v128.load(panel, 48), d = v128.load(panel, 64);
      const big0 = v128.load(x), small0 = v128.load(x, 16);
      const p0 = v128.and(a, mask), q0 = v128.and(b, mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p0, big0));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p0, small0));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q0, big0));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q0, small0));
      const big1 = v128.load(x, 32), small1 = v128.load(x, 48);
      const p1 = i16x8.shr_u(a, 8), q1 = i16x8.shr_u(b, 8);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p1, big1));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p1, small1));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q1, big1));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q1, small1));
      const big2 = v128.load(x, 64), small2 = v128.load(x, 80);
      const p2 = v128.and(c, mask), q2 = v128.and(d, mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p2, big2));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p2, small2));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q2, big2));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q2, small2));
      const big3 = v128.load(x, 96), small3 = v128.load(x, 112);
      const p3 = i16x8.shr_u(c, 8), q3 = i16x8.shr_u(d, 8);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p3, big3));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p3, small3));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q3, big3));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q3, small3));
      panel += 64;
    }
    const unit = v128.load32_splat(x, 8);
    v128.store(y, madd(f32x4.mul(fromHalves(v128.load16x4_s(start)), unit), joined(h0, l0), v128.load(y)));
    v128.store(y, madd(f32x4.mul(fromHalves(v128.load16x4_s(start, 8)), unit), joined(h1, l1), v128.load(y, 16)), 16);
    panel += 16;
    x += 16;
  }
}

/** The same for Q4_0, with 8 for 128, and Q4_1, which adds `m · Σ x`. */
function addNibbles(x: usize, panel: usize, y: usize, K: i32, least: bool): void {
  const header: usize = least ? 32 : 16, offset = least ? 0 : -8;
  const mask = v128.load32_splat(MASKS, 4);
  for (let k = 0; k < K; k += 32) {
    let h0 = i32x4.splat(load<i32>(x, 512) * offset), l0 = i32x4.splat(load<i32>(x, 516) * offset), h1 = h0, l1 = l0;
    const start = panel;
    panel += header;
    for (const end = x + 512; x < end; x += 128) {
      const a = v128.load(panel), b = v128.load(panel, 16);
      const big0 = v128.load(x), small0 = v128.load(x, 16);
      const p0 = v128.and(a, mask), q0 = v128.and(b, mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p0, big0));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p0, small0));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q0, big0));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q0, small0));
      const big1 = v128.load(x, 32), small1 = v128.load(x, 48);
      const p1 = v128.and(i16x8.shr_u(a, 4), mask), q1 = v128.and(i16x8.shr_u(b, 4), mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p1, big1));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p1, small1));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q1, big1));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q1, small1));
      const big2 = v128.load(x, 64), small2 = v128.load(x, 80);
      const p2 = v128.and(i16x8.shr_u(a, 8), mask), q2 = v128.and(i16x8.shr_u(b, 8), mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p2, big2));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p2, small2));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q2, big2));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q2, small2));
      const big3 = v128.load(x, 96), small3 = v128.load(x, 112);
      const p3 = i16x8.shr_u(a, 12), q3 = i16x8.shr_u(b, 12);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p3, big3));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p3, small3));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q3, big3));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q3, small3));
      panel += 32;
    }
    const unit = v128.load32_splat(x, 8);
    let low = madd(f32x4.mul(fromHalves(v128.load16x4_s(start)), unit), joined(h0, l0), v128.load(y));
    let high = madd(f32x4.mul(fromHalves(v128.load16x4_s(start, 8)), unit), joined(h1, l1), v128.load(y, 16));
    if (least) {
      const total = v128.load32_splat(x, 12);
      low = madd(total, fromHalves(v128.load16x4_s(start, 16)), low);
      high = madd(total, fromHalves(v128.load16x4_s(start, 24)), high);
    }
    v128.store(y, low);
    v128.store(y, high, 16);
    x += 16;
  }
}

/** 32768 · high + low */
// @ts-ignore: decorator
@inline function joined(high: v128, low: v128): v128 {
  return madd(f32x4.convert_i32x4_s(high), splat(32768), f32x4.convert_i32x4_s(low));
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
    if (format === Format.Q8_0) spreadBytes(panel, target);
    else spreadNibbles(panel, target, format === Format.Q4_1);
    panel += panelBytes(format, 32);
    target += 1024;
  }
}

function spreadBytes(panel: usize, target: usize): void {
  const d0 = fromHalves(v128.load16x4_s(panel)), d1 = fromHalves(v128.load16x4_s(panel, 8));
  const m0 = f32x4.mul(d0, splat(-128)), m1 = f32x4.mul(d1, splat(-128));
  for (const end = target + 1024; target < end; target += 128) {
    const a = v128.load(panel, 16), b = v128.load(panel, 32);
    storePair(v128.and(a, i16x8.splat(255)), d0, m0, target);
    storePair(v128.and(b, i16x8.splat(255)), d1, m1, target + 16);
    storePair(i16x8.shr_u(a, 8), d0, m0, target + 64);
    storePair(i16x8.shr_u(b, 8), d1, m1, target + 80);
    panel += 32;
  }
}

function spreadNibbles(panel: usize, target: usize, least: bool): void {
  const d0 = fromHalves(v128.load16x4_s(panel)), d1 = fromHalves(v128.load16x4_s(panel, 8));
  const m0 = least ? fromHalves(v128.load16x4_s(panel, 16)) : f32x4.mul(d0, splat(-8));
  const m1 = least ? fromHalves(v128.load16x4_s(panel, 24)) : f32x4.mul(d1, splat(-8));
  panel += least ? 32 : 16;
  for (let group = 0; group < 4; group++) {
    let a = v128.load(panel), b = v128.load(panel, 16);
    for (let pair = 0; pair < 4; pair++) {
      storePair(v128.and(a, i16x8.splat(15)), d0, m0, target);
      storePair(v128.and(b, i16x8.splat(15)), d1, m1, target + 16);
      a = i16x8.shr_u(a, 4);
      b = i16x8.shr_u(b, 4);
      target += 64;
    }
    panel += 32;
  }
}

/** d · q + m for two successive steps of four rows, the second 32 bytes on. */
// @ts-ignore: decorator
@inline function storePair(q: v128, d: v128, m: v128, target: usize): void {
  v128.store(target, madd(d, f32x4.convert_i32x4_s(v128.and(q, i32x4.splat(0xffff))), m));
  v128.store(target, madd(d, f32x4.convert_i32x4_s(i32x4.shr_u(q, 16)), m), 32);
}

// @ts-ignore: decorator
@inline function widen(address: usize, half: bool): v128 {
  return half ? fromHalves(v128.load16x4_s(address)) : i32x4.shl(v128.load16x4_u(address), 16);
}
