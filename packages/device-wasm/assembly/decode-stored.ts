import { fromHalves } from './format';
import { at } from './job';
import { Format, Tile } from './kernel-list';
import { blockBytes } from './stored';
import { madd, splat, sumOf, sums } from './vector';

/**
 * Dot products with keys, and sums of values, straight from rows in fewer bits: for one query a key head, where
 * nothing else would use the numbers again. Widths are multiples of 32, numbers finite.
 *
 * A signed byte is moved to the top of a lane, where it counts 2^24 times: one look-up and one conversion make four
 * numbers, and the scale of the block takes the 2^24 back. Four bits are moved to the top of their byte and count
 * 16 times more.
 */

/**
 * Byte i of a vector at the top of lane i mod 4, four masks for a table look-up (0x80 gives 0); then 15, 240 and 128 for
 * bytes, and what the scales are multiplied with: 2^-24, 2^-28, and 1, 2^-4
 * without look-up. In memory because V8 builds a constant vector anew at each use.
 */
const TABLE: usize = memory.data<u8>(
  [
    128, 128, 128, 0, 128, 128, 128, 1, 128, 128, 128, 2, 128, 128, 128, 3,
    128, 128, 128, 4, 128, 128, 128, 5, 128, 128, 128, 6, 128, 128, 128, 7,
    128, 128, 128, 8, 128, 128, 128, 9, 128, 128, 128, 10, 128, 128, 128, 11,
    128, 128, 128, 12, 128, 128, 128, 13, 128, 128, 128, 14, 128, 128, 128, 15,
    240, 128, 15, 0, 0, 0, 128, 51, 0, 0, 128, 49, 0, 0, 128, 63, 0, 0, 128, 61,
  ],
  16,
);

/** Bytes 4n … 4n + 3 as numbers, as many times too large as `scaleOf` takes back; `mask` is mask n. */
// @ts-ignore: decorator
@inline function four(bytes: v128, n: i32, mask: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.convert_i32x4_s(i8x16.relaxed_swizzle(bytes, mask));
  // without relaxed SIMD a look-up costs more than it saves
  const words = n & 2 ? i16x8.extend_high_i8x16_s(bytes) : i16x8.extend_low_i8x16_s(bytes);
  return f32x4.convert_i32x4_s(n & 1 ? i32x4.extend_high_i16x8_s(words) : i32x4.extend_low_i16x8_s(words));
}

// @ts-ignore: decorator
@inline function mask(n: usize): v128 {
  return v128.load(TABLE + (n << 4));
}

/** The f16 at an address in all lanes. */
// @ts-ignore: decorator
@inline function half(address: usize): v128 {
  return fromHalves(i32x4.extend_low_i16x8_s(v128.load16_splat(address)));
}

/** The scale of a block for numbers as `lowBytes` and `highBytes` give them to `four`. */
// @ts-ignore: decorator
@inline function scaleOf(block: usize, format: i32): v128 {
  const from: usize = ASC_FEATURE_RELAXED_SIMD ? 68 : 76;
  return f32x4.mul(half(block), v128.load32_splat(TABLE + from + (format === Format.Q4_0 ? 4 : 0)));
}

/** Numbers 0 … 15 of a block. */
// @ts-ignore: decorator
@inline function lowBytes(block: usize, format: i32): v128 {
  if (format === Format.Q8_0) return v128.load(block, 2);
  if (format === Format.Q4_1) return v128.and(v128.load(block, 4), v128.load8_splat(TABLE, 66));
  const bytes = v128.and(i16x8.shl(v128.load(block, 2), 4), v128.load8_splat(TABLE, 64));
  return v128.xor(bytes, v128.load8_splat(TABLE, 65));
}

/** Numbers 16 … 31. */
// @ts-ignore: decorator
@inline function highBytes(block: usize, format: i32): v128 {
  if (format === Format.Q8_0) return v128.load(block, 18);
  if (format === Format.Q4_1) return v128.and(i16x8.shr_u(v128.load(block, 4), 4), v128.load8_splat(TABLE, 66));
  return v128.xor(v128.and(v128.load(block, 2), v128.load8_splat(TABLE, 64)), v128.load8_splat(TABLE, 65));
}

/** The sums of `count` numbers by blocks of 32, which a minimum is multiplied with. */
export function blockSums(x: usize, count: i32, to: usize): void {
  for (const end = at(x, count); x < end; to += 4) {
    let sum = splat(0);
    for (const next = x + 128; x < next; x += 16) sum = f32x4.add(sum, v128.load(x));
    store<f32>(to, sumOf(sum));
  }
}

/** Lanes whose sum is the dot product of a query with one stored key; `totals` are the sums of the query by block. */
// @ts-ignore: decorator
@inline function lanes(q: usize, k: usize, D: i32, format: i32, totals: usize, m0: v128, m1: v128, m2: v128, m3: v128): v128 {
  let sum = splat(0);
  const end = q + (<usize>D << 2);
  if (format === Format.f16 || format === Format.bf16) {
    let other = sum;
    for (; q < end; q += 32) {
      const x = format === Format.f16 ? fromHalves(v128.load16x4_s(k)) : i32x4.shl(v128.load16x4_u(k), 16);
      const y = format === Format.f16 ? fromHalves(v128.load16x4_s(k, 8)) : i32x4.shl(v128.load16x4_u(k, 8), 16);
      sum = madd(v128.load(q), x, sum);
      other = madd(v128.load(q, 16), y, other);
      k += 16;
    }
    return f32x4.add(sum, other);
  }
  for (; q < end; q += 128) {
    const low = lowBytes(k, format), high = highBytes(k, format);
    let a = f32x4.mul(v128.load(q), four(low, 0, m0)), b = f32x4.mul(v128.load(q, 64), four(high, 0, m0));
    a = madd(v128.load(q, 16), four(low, 1, m1), a);
    b = madd(v128.load(q, 80), four(high, 1, m1), b);
    a = madd(v128.load(q, 32), four(low, 2, m2), a);
    b = madd(v128.load(q, 96), four(high, 2, m2), b);
    a = madd(v128.load(q, 48), four(low, 3, m3), a);
    b = madd(v128.load(q, 112), four(high, 3, m3), b);
    sum = madd(scaleOf(k, format), f32x4.add(a, b), sum);
    if (format === Format.Q4_1) {
      // the total of the block in one lane, times its minimum
      sum = madd(half(k + 2), v128.load32_zero(totals), sum);
      totals += 4;
    }
    k += blockBytes(format);
  }
  return sum;
}

/** Scores of one query with keys `l`, `l + part`, …: four streams through memory, each front to back. */
// @ts-ignore: decorator
@inline function fourScores(q: usize, k: usize, stride: usize, s: usize, D: i32, part: i32, format: i32, totals: usize, m0: v128, m1: v128, m2: v128, m3: v128): void {
  const k1 = k + stride, k2 = k1 + stride, k3 = k2 + stride;
  const x = sums(lanes(q, k, D, format, totals, m0, m1, m2, m3), lanes(q, k1, D, format, totals, m0, m1, m2, m3), lanes(q, k2, D, format, totals, m0, m1, m2, m3), lanes(q, k3, D, format, totals, m0, m1, m2, m3));
  v128.store32_lane(s, x, 0);
  v128.store32_lane(at(s, part), x, 1);
  v128.store32_lane(at(s, 2 * part), x, 2);
  v128.store32_lane(at(s, 3 * part), x, 3);
}

/** `scores[h][l]` for the first `4 · part` keys; one query a key head. */
// @ts-ignore: decorator
@inline function scoresIn(format: i32, q: usize, k: usize, token: usize, row: usize, H: i32, D: i32, scores: usize, part: i32, totals: usize): void {
  const jump = token * <usize>part;
  const m0 = mask(0), m1 = mask(1), m2 = mask(2), m3 = mask(3);
  for (let l = 0; l < part; l++) {
    for (let h = 0; h < H; h++)
      fourScores(at(q, h * D), k + <usize>h * row, jump, at(scores, h * Tile.chunk + l), D, part, format, at(totals, h * (D >> 5)), m0, m1, m2, m3);
    k += token;
  }
}

/** @param token bytes from token to token; `row` bytes from head to head */
export function storedScores(format: i32, q: usize, k: usize, token: usize, row: usize, H: i32, D: i32, scores: usize, part: i32, totals: usize): void {
  switch (format) {
    case Format.f16: return scoresIn(Format.f16, q, k, token, row, H, D, scores, part, totals);
    case Format.bf16: return scoresIn(Format.bf16, q, k, token, row, H, D, scores, part, totals);
    case Format.Q8_0: return scoresIn(Format.Q8_0, q, k, token, row, H, D, scores, part, totals);
    case Format.Q4_0: return scoresIn(Format.Q4_0, q, k, token, row, H, D, scores, part, totals);
    default: return scoresIn(Format.Q4_1, q, k, token, row, H, D, scores, part, totals);
  }
}

/** `target[Dv] += Σ w · v` over four values, one stream each. */
// @ts-ignore: decorator
@inline function addFour(weights: usize, v: usize, jump: usize, target: usize, Dv: i32, part: i32, format: i32, m0: v128, m1: v128, m2: v128, m3: v128): void {
  const w0 = v128.load32_splat(weights), w1 = v128.load32_splat(at(weights, part));
  const w2 = v128.load32_splat(at(weights, 2 * part)), w3 = v128.load32_splat(at(weights, 3 * part));
  let v1 = v + jump, v2 = v1 + jump, v3 = v2 + jump;
  const end = target + (<usize>Dv << 2);
  if (format === Format.f16 || format === Format.bf16) {
    for (; target < end; target += 16) {
      let a = madd(w0, wide(v, format), v128.load(target)), b = f32x4.mul(w1, wide(v1, format));
      a = madd(w2, wide(v2, format), a);
      b = madd(w3, wide(v3, format), b);
      v128.store(target, f32x4.add(a, b));
      v += 8;
      v1 += 8;
      v2 += 8;
      v3 += 8;
    }
    return;
  }
  for (; target < end; target += 128) {
    const s0 = f32x4.mul(w0, scaleOf(v, format)), s1 = f32x4.mul(w1, scaleOf(v1, format));
    const s2 = f32x4.mul(w2, scaleOf(v2, format)), s3 = f32x4.mul(w3, scaleOf(v3, format));
    let m = splat(0);
    if (format === Format.Q4_1) {
      m = madd(w0, half(v + 2), f32x4.mul(w1, half(v1 + 2)));
      m = f32x4.add(m, madd(w2, half(v2 + 2), f32x4.mul(w3, half(v3 + 2))));
    }
    addSixteen(target, lowBytes(v, format), lowBytes(v1, format), lowBytes(v2, format), lowBytes(v3, format), s0, s1, s2, s3, m, format, m0, m1, m2, m3);
    addSixteen(target + 64, highBytes(v, format), highBytes(v1, format), highBytes(v2, format), highBytes(v3, format), s0, s1, s2, s3, m, format, m0, m1, m2, m3);
    const block = blockBytes(format);
    v += block;
    v1 += block;
    v2 += block;
    v3 += block;
  }
}

// @ts-ignore: decorator
@inline function wide(address: usize, format: i32): v128 {
  return format === Format.f16 ? fromHalves(v128.load16x4_s(address)) : i32x4.shl(v128.load16x4_u(address), 16);
}

// @ts-ignore: decorator
@inline function addSixteen(target: usize, x0: v128, x1: v128, x2: v128, x3: v128, s0: v128, s1: v128, s2: v128, s3: v128, m: v128, format: i32, m0: v128, m1: v128, m2: v128, m3: v128): void {
  addLanes(target, 0, m0, x0, x1, x2, x3, s0, s1, s2, s3, m, format);
  addLanes(target, 1, m1, x0, x1, x2, x3, s0, s1, s2, s3, m, format);
  addLanes(target, 2, m2, x0, x1, x2, x3, s0, s1, s2, s3, m, format);
  addLanes(target, 3, m3, x0, x1, x2, x3, s0, s1, s2, s3, m, format);
}

// @ts-ignore: decorator
@inline function addLanes(target: usize, n: i32, mask: v128, x0: v128, x1: v128, x2: v128, x3: v128, s0: v128, s1: v128, s2: v128, s3: v128, m: v128, format: i32): void {
  const at = target + ((<usize>n) << 4);
  let a = madd(s0, four(x0, n, mask), v128.load(at)), b = f32x4.mul(s1, four(x1, n, mask));
  a = madd(s2, four(x2, n, mask), a);
  b = madd(s3, four(x3, n, mask), b);
  if (format === Format.Q4_1) b = f32x4.add(b, m);
  v128.store(at, f32x4.add(a, b));
}

// @ts-ignore: decorator
@inline function sumsIn(format: i32, scores: usize, v: usize, token: usize, row: usize, H: i32, Dv: i32, target: usize, part: i32): void {
  const jump = token * <usize>part;
  const m0 = mask(0), m1 = mask(1), m2 = mask(2), m3 = mask(3);
  for (let l = 0; l < part; l++) {
    for (let h = 0; h < H; h++)
      addFour(at(scores, h * Tile.chunk + l), v + <usize>h * row, jump, at(target, h * Dv), Dv, part, format, m0, m1, m2, m3);
    v += token;
  }
}

/** `target[h] += Σ scores[h][l] · v[l][h]` over the first `4 · part` values. */
export function storedSums(format: i32, scores: usize, v: usize, token: usize, row: usize, H: i32, Dv: i32, target: usize, part: i32): void {
  switch (format) {
    case Format.f16: return sumsIn(Format.f16, scores, v, token, row, H, Dv, target, part);
    case Format.bf16: return sumsIn(Format.bf16, scores, v, token, row, H, Dv, target, part);
    case Format.Q8_0: return sumsIn(Format.Q8_0, scores, v, token, row, H, Dv, target, part);
    case Format.Q4_0: return sumsIn(Format.Q4_0, scores, v, token, row, H, Dv, target, part);
    default: return sumsIn(Format.Q4_1, scores, v, token, row, H, Dv, target, part);
  }
}
