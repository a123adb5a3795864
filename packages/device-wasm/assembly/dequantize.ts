import { addNibbleDigits, prepareDigits } from './digits';
import { fromHalves, fromHalvesWith, halfConstant, panelBytes } from './format';
import { Format } from './kernel-list';
import { largestBits, madd, SMALLEST_UNIT, splat, wholeSum } from './vector';

/** y[8] (+)= x · panel for one row x, dequantizing in registers; for the block formats x as `prepareFor` wrote it. */
export function quantizedRow(x: usize, panel: usize, y: usize, K: i32, format: i32, add: bool): void {
  if (format === Format.f16 || format === Format.bf16) return addShort(x, panel, y, K, format === Format.f16, add);
  if (!add) memory.fill(y, 0, 32);
  if (format === Format.Q8_0) addBytes(x, panel, y, K);
  else ASC_FEATURE_RELAXED_SIMD ? addNibbleDigits(x, panel, y, K, format === Format.Q4_1) : addNibbles(x, panel, y, K, format === Format.Q4_1);
}

function addShort(x: usize, panel: usize, y: usize, K: i32, half: bool, add: bool): void {
  let low = splat(0), high = low;
  for (const end = x + (<usize>K << 2); x < end; x += 4) {
    const x0 = v128.load32_splat(x);
    low = madd(x0, widen(panel, half), low);
    high = madd(x0, widen(panel + 8, half), high);
    panel += 16;
  }
  if (add) {
    low = f32x4.add(low, v128.load(y));
    high = f32x4.add(high, v128.load(y, 16));
  }
  v128.store(y, low);
  v128.store(y, high, 16);
}

/**
 * A row x as the integer products read it. Each block of 32 numbers becomes whole multiples of a power of 2, below
 * 2^29 and therefore no coarser than 2^-29 of the largest: finer than f32 keeps their products. A multiple is cut into
 * 32768 · high + low, both 16 bits:
 *
 * ```text
 * 0    [16] pairs of successive numbers: the two highs, the two lows, all i16
 * 128  Σ high, Σ low (i32), the power of 2, Σ x (f32)
 * ```
 */
const PREPARED: usize = 144;
/** 1.5 · 2^23 */
const MAGIC: f32 = 12582912;

export function preparedBytes(K: i32): usize {
  return <usize>(K >> 5) * PREPARED;
}

/** Writes a row as the products of a block format read it. @returns whether it can be written so. */
export function prepareFor(format: i32, x: usize, K: i32, target: usize): bool {
  return ASC_FEATURE_RELAXED_SIMD && format !== Format.Q8_0 ? prepareDigits(x, K, target) : prepareRow(x, K, target);
}

/**
 * Writes `[K/32]` such blocks.
 *
 * @returns whether x can be written so: all finite, and no block so small that its unit is no f32. Else what was
 * written means nothing.
 */
function prepareRow(x: usize, K: i32, target: usize): bool {
  const magic = splat(MAGIC), whole = i32x4.splat(reinterpret<i32>(MAGIC)), half = splat(32768);
  let fits = true;
  for (let k = 0; k < K; k += 32) {
    const largest = largestBits(x);
    fits = fits && largest < 0x7f800000 && (largest === 0 || largest > reinterpret<i32>(SMALLEST_UNIT));
    const power = max<f32>(reinterpret<f32>(largest & 0x7f800000), SMALLEST_UNIT);
    const inverse = splat(8192 / power);
    let sumHigh = i32x4.splat(0), sumLow = sumHigh;
    for (let n: usize = 0; n < 128; n += 32) {
      // adding 1.5 · 2^23 rounds to a whole number and leaves it in the low bits
      const a = f32x4.mul(v128.load(x + n), inverse), b = f32x4.mul(v128.load(x + n, 16), inverse);
      const ta = f32x4.add(a, magic), tb = f32x4.add(b, magic);
      const highA = i32x4.sub(ta, whole), highB = i32x4.sub(tb, whole);
      const lowA = i32x4.sub(f32x4.add(f32x4.mul(f32x4.sub(a, f32x4.sub(ta, magic)), half), magic), whole);
      const lowB = i32x4.sub(f32x4.add(f32x4.mul(f32x4.sub(b, f32x4.sub(tb, magic)), half), magic), whole);
      sumHigh = i32x4.add(sumHigh, i32x4.add(highA, highB));
      sumLow = i32x4.add(sumLow, i32x4.add(lowA, lowB));
      const highs = i16x8.narrow_i32x4_s(highA, highB), lows = i16x8.narrow_i32x4_s(lowA, lowB);
      v128.store(target + n, v128.shuffle<i32>(highs, lows, 0, 4, 1, 5));
      v128.store(target + n, v128.shuffle<i32>(highs, lows, 2, 6, 3, 7), 16);
    }
    const high = wholeSum(sumHigh), low = wholeSum(sumLow);
    const unit = power / 268435456;
    store<i32>(target, high, 128);
    store<i32>(target, low, 132);
    store<f32>(target, unit, 136);
    store<f32>(target, (<f32>high * 32768 + <f32>low) * unit, 140);
    x += 128;
    target += PREPARED;
  }
  return fits;
}

/** A byte and a half byte of each 16 bits, and 32768; in memory because V8 builds a constant vector anew at each use. */
const MASKS: usize = memory.data<u32>([0x00ff00ff, 0x000f000f, 0x47000000], 16);

/**
 * Adds x · w for Q8_0: integer products over a block, exact; then one scale. The integers have no sign,
 * `Σ x · (q − 128) = Σ x · q − 128 · Σ x`.
 */
function addBytes(x: usize, panel: usize, y: usize, K: i32): void {
  const mask = v128.load32_splat(MASKS), first = v128.load32_splat(MASKS, 8), halfMask = halfConstant(0), halfScale = halfConstant(1);
  for (let k = 0; k < K; k += 32) {
    let h0 = i32x4.splat(load<i32>(x, 128) * -128), l0 = i32x4.splat(load<i32>(x, 132) * -128), h1 = h0, l1 = l0;
    const start = panel;
    for (const end = x + 128; x < end; x += 32) {
      const a = v128.load(panel, 16), b = v128.load(panel, 32), c = v128.load(panel, 48), d = v128.load(panel, 64);
      const big0 = v128.load32_splat(x), small0 = v128.load32_splat(x, 4);
      const p0 = v128.and(a, mask), q0 = v128.and(b, mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p0, big0));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p0, small0));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q0, big0));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q0, small0));
      const big1 = v128.load32_splat(x, 8), small1 = v128.load32_splat(x, 12);
      const p1 = i16x8.shr_u(a, 8), q1 = i16x8.shr_u(b, 8);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p1, big1));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p1, small1));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q1, big1));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q1, small1));
      const big2 = v128.load32_splat(x, 16), small2 = v128.load32_splat(x, 20);
      const p2 = v128.and(c, mask), q2 = v128.and(d, mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p2, big2));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p2, small2));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q2, big2));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q2, small2));
      const big3 = v128.load32_splat(x, 24), small3 = v128.load32_splat(x, 28);
      const p3 = i16x8.shr_u(c, 8), q3 = i16x8.shr_u(d, 8);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p3, big3));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p3, small3));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q3, big3));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q3, small3));
      panel += 64;
    }
    const unit = v128.load32_splat(x, 8);
    v128.store(y, madd(f32x4.mul(fromHalvesWith(v128.load16x4_s(start), halfMask, halfScale), unit), joined(h0, l0, first), v128.load(y)));
    v128.store(y, madd(f32x4.mul(fromHalvesWith(v128.load16x4_s(start, 8), halfMask, halfScale), unit), joined(h1, l1, first), v128.load(y, 16)), 16);
    panel += 16;
    x += 16;
  }
}

/** The same for Q4_0, with 8 for 128, and Q4_1, which adds `m · Σ x`. */
function addNibbles(x: usize, panel: usize, y: usize, K: i32, least: bool): void {
  const header: usize = least ? 32 : 16, offset = least ? 0 : -8;
  const mask = v128.load32_splat(MASKS, 4), first = v128.load32_splat(MASKS, 8), halfMask = halfConstant(0), halfScale = halfConstant(1);
  for (let k = 0; k < K; k += 32) {
    let h0 = i32x4.splat(load<i32>(x, 128) * offset), l0 = i32x4.splat(load<i32>(x, 132) * offset), h1 = h0, l1 = l0;
    const start = panel;
    panel += header;
    for (const end = x + 128; x < end; x += 32) {
      const a = v128.load(panel), b = v128.load(panel, 16);
      const big0 = v128.load32_splat(x), small0 = v128.load32_splat(x, 4);
      const p0 = v128.and(a, mask), q0 = v128.and(b, mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p0, big0));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p0, small0));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q0, big0));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q0, small0));
      const big1 = v128.load32_splat(x, 8), small1 = v128.load32_splat(x, 12);
      const p1 = v128.and(i16x8.shr_u(a, 4), mask), q1 = v128.and(i16x8.shr_u(b, 4), mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p1, big1));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p1, small1));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q1, big1));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q1, small1));
      const big2 = v128.load32_splat(x, 16), small2 = v128.load32_splat(x, 20);
      const p2 = v128.and(i16x8.shr_u(a, 8), mask), q2 = v128.and(i16x8.shr_u(b, 8), mask);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p2, big2));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p2, small2));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q2, big2));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q2, small2));
      const big3 = v128.load32_splat(x, 24), small3 = v128.load32_splat(x, 28);
      const p3 = i16x8.shr_u(a, 12), q3 = i16x8.shr_u(b, 12);
      h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p3, big3));
      l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p3, small3));
      h1 = i32x4.add(h1, i32x4.dot_i16x8_s(q3, big3));
      l1 = i32x4.add(l1, i32x4.dot_i16x8_s(q3, small3));
      panel += 32;
    }
    const unit = v128.load32_splat(x, 8);
    let low = madd(f32x4.mul(fromHalvesWith(v128.load16x4_s(start), halfMask, halfScale), unit), joined(h0, l0, first), v128.load(y));
    let high = madd(f32x4.mul(fromHalvesWith(v128.load16x4_s(start, 8), halfMask, halfScale), unit), joined(h1, l1, first), v128.load(y, 16));
    if (least) {
      const total = v128.load32_splat(x, 12);
      low = madd(total, fromHalvesWith(v128.load16x4_s(start, 16), halfMask, halfScale), low);
      high = madd(total, fromHalvesWith(v128.load16x4_s(start, 24), halfMask, halfScale), high);
    }
    v128.store(y, low);
    v128.store(y, high, 16);
    x += 16;
  }
}

/** 32768 · high + low */
// @ts-ignore: decorator
@inline function joined(high: v128, low: v128, first: v128): v128 {
  return madd(f32x4.convert_i32x4_s(high), first, f32x4.convert_i32x4_s(low));
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
