/** Small pieces on four f32 lanes that every kernel is made of. */

/** a · b + c: one rounding with relaxed SIMD on hardware that has it, two without. */
// @ts-ignore: decorator
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: decorator
@inline export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

// @ts-ignore: decorator
@inline export function sumOf(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/**
 * A sum of four numbers added to two in f64. Long sums are taken in short pieces of f32 and put together so: a sum of
 * n numbers in f32 may be wrong by n · 2^-25 of itself when all are positive.
 */
// @ts-ignore: decorator
@inline export function addWide(sum: v128, piece: v128): v128 {
  return f64x2.add(f64x2.add(sum, f64x2.promote_low_f32x4(piece)), f64x2.promote_low_f32x4(v128.shuffle<f32>(piece, piece, 2, 3, 2, 3)));
}

// @ts-ignore: decorator
@inline export function wideSum(sum: v128): f64 {
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** The sum of four whole numbers. */
// @ts-ignore: decorator
@inline export function wholeSum(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + (i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3));
}

/** 2^-80: a block of 32 numbers that are all smaller is not written as whole multiples of a unit. */
export const SMALLEST_UNIT: f32 = 8.271806125530277e-25;

/** The bits of the largest of 32 numbers, without its sign: ordered as the numbers are, infinity and NaN above all. */
// @ts-ignore: decorator
@inline export function largestBits(x: usize): i32 {
  const sign = i32x4.splat(0x7fffffff);
  let top = v128.and(v128.load(x), sign);
  for (let n: usize = 16; n < 128; n += 16) top = i32x4.max_s(top, v128.and(v128.load(x + n), sign));
  const two = i32x4.max_s(top, v128.shuffle<i32>(top, top, 2, 3, 0, 1));
  return i32x4.extract_lane(i32x4.max_s(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0);
}

/** NaN if any lane is. */
// @ts-ignore: decorator
@inline export function maxOf(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** Lane i is the sum of the lanes of the i-th vector. */
// @ts-ignore: decorator
@inline export function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/**
 * The constants of `exp2Down`. V8 builds a constant vector anew wherever it is used, in three instructions: a loop
 * that loads them from memory before it starts keeps them in registers.
 */
const EXP2: usize = memory.data<f32>(
  [
    -126, 12582912, 0.0013276471979469665, 0.009675541334211306, 0.055507132735425686, 0.24022119723848565,
    0.6931469670647332, 1,
  ],
  16,
);

// @ts-ignore: decorator
@inline export function exp2Constant(n: i32): v128 {
  return v128.load32_splat(EXP2 + (<usize>n << 2));
}

/**
 * 2^x for x ≤ 0, never less than 2^−126: a seen key always has a weight above 0. Relative error 2e-7 (minimax
 * polynomial of degree 5 on [−½, ½], constant term 1 so that 2^0 is exact). The constants are `exp2Constant` 0 … 7.
 */
// @ts-ignore: decorator
@inline export function exp2With(x0: v128, lowest: v128, magic: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, c0: v128): v128 {
  const x = f32x4.pmax(x0, lowest);
  const t = f32x4.add(x, magic); // 1.5 · 2^23: the integer part lands in the low bits
  const f = f32x4.sub(x, f32x4.sub(t, magic));
  let p = madd(c5, f, c4);
  p = madd(p, f, c3);
  p = madd(p, f, c2);
  p = madd(p, f, c1);
  p = madd(p, f, c0);
  return i32x4.add(p, i32x4.shl(t, 23));
}

/** 2^x for x ≤ 0, once. */
export function exp2Down(x: v128): v128 {
  return exp2With(x, exp2Constant(0), exp2Constant(1), exp2Constant(2), exp2Constant(3), exp2Constant(4), exp2Constant(5), exp2Constant(6), exp2Constant(7));
}

/** The same for x from −126 to 127, and NaN where x is. */
// @ts-ignore: decorator
@inline export function exp2Near(x: v128, magic: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, c0: v128): v128 {
  const t = f32x4.add(x, magic), f = f32x4.sub(x, f32x4.sub(t, magic));
  let p = madd(c5, f, c4);
  p = madd(p, f, c3);
  p = madd(p, f, c2);
  p = madd(p, f, c1);
  p = madd(p, f, c0);
  // c0 is 1: its exponent and n make that of 2^n
  return f32x4.mul(p, i32x4.add(i32x4.shl(t, 23), c0));
}

// @ts-ignore: decorator
@inline function isNumber(x: f32): bool {
  return x === x;
}

/** The largest lane; any lane where there is NaN. */
// @ts-ignore: decorator
@inline export function anyMaxOf(v: v128): f32 {
  const a = f32x4.pmax(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(a, v128.shuffle<f32>(a, a, 1, 0, 3, 2)), 0);
}

/** Whether a score is NaN; a row whose other scores are −∞ would hide it from `weigh`. */
export function hasNaN(row: usize, count: i32): bool {
  let found = splat(0);
  for (let p = row; p < row + (<usize>count << 2); p += 16) found = v128.or(found, f32x4.ne(v128.load(p), v128.load(p)));
  return v128.any_true(found);
}

/** The largest of `count` scores, a multiple of 8; any of them where there is NaN, which `weigh` finds. */
export function largestScore(row: usize, count: i32): f32 {
  const end = row + (<usize>count << 2);
  let a = v128.load(row), b = v128.load(row, 16);
  for (let p = row + 32; p < end; p += 32) {
    a = f32x4.pmax(a, v128.load(p));
    b = f32x4.pmax(b, v128.load(p, 16));
  }
  return anyMaxOf(f32x4.pmax(a, b));
}

/**
 * Replaces `count` scores, a multiple of 4, by 2^(score − m); returns their sum, NaN if a score is. (The exponential
 * of NaN need not be NaN; the sum of the exponents, none of which is +∞, is.)
 */
export function weigh(row: usize, count: i32, m: f32): f32 {
  const shift = splat(m), end = row + (<usize>count << 2);
  const lowest = exp2Constant(0), magic = exp2Constant(1), c5 = exp2Constant(2), c4 = exp2Constant(3);
  const c3 = exp2Constant(4), c2 = exp2Constant(5), c1 = exp2Constant(6), c0 = exp2Constant(7);
  let sum = splat(0), trace = splat(0);
  for (let p = row; p < end; p += 16) {
    const x = f32x4.sub(v128.load(p), shift);
    trace = f32x4.add(trace, x);
    const w = exp2With(x, lowest, magic, c5, c4, c3, c2, c1, c0);
    v128.store(p, w);
    sum = f32x4.add(sum, w);
  }
  return isNumber(sumOf(trace)) ? sumOf(sum) : NaN;
}

/** The same where −∞ hides a key: its weight is 0. */
export function weighSeen(row: usize, count: i32, m: f32): f32 {
  const shift = splat(m), end = row + (<usize>count << 2), hidden = splat(-Infinity);
  const lowest = exp2Constant(0), magic = exp2Constant(1), c5 = exp2Constant(2), c4 = exp2Constant(3);
  const c3 = exp2Constant(4), c2 = exp2Constant(5), c1 = exp2Constant(6), c0 = exp2Constant(7);
  let sum = splat(0), trace = splat(0);
  for (let p = row; p < end; p += 16) {
    const s = v128.load(p);
    const x = f32x4.sub(s, shift);
    trace = f32x4.add(trace, x);
    const w = v128.and(exp2With(x, lowest, magic, c5, c4, c3, c2, c1, c0), f32x4.ne(s, hidden));
    v128.store(p, w);
    sum = f32x4.add(sum, w);
  }
  return isNumber(sumOf(trace)) ? sumOf(sum) : NaN;
}

/**
 * The constants of what follows, which are loaded where they are used: see `EXP2`. Exponential 0 … 10, tanh 11 … 15, Φ far
 * below 0 16 … 25, small numbers 26 … 29, GELU 30 … 42.
 */
const CONSTANTS: usize = memory.data<f32>(
  [
    -87.3, 88.3, 1.44269504088896341, 0.693359375, -2.12194440e-4,
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
    -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
    0.246517297902, -1.18611494508, 2.14747446393, -1.63775315234, 0.402321581651,
    -0.268756860339, 0.139630056523, 0.539700615528, 1.44272920391, -2.82574821841,
    1, 2, 0.5, 0.625,
    0.35355339059327376, 0.231641888, 1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592,
    0.39894228040143268, 0.79788456080286536, 0.044715, 0.134145, -0.72134752044448170, 13,
  ],
  16,
);

// @ts-ignore: decorator
@inline export function constant(n: i32): v128 {
  return v128.load32_splat(CONSTANTS + (<usize>n << 2));
}

// @ts-ignore: decorator
@inline export function one(): v128 {
  return constant(26);
}

/** e^x over the whole range: 0 below −87.3, infinity above 88.3, NaN stays. Cephes expf: relative error 1e-7. */
// @ts-ignore: decorator
@inline export function exp(x0: v128): v128 {
  const lowest = constant(0), highest = constant(1), magic = exp2Constant(1);
  const x = f32x4.pmin(f32x4.pmax(x0, lowest), highest);
  const t = f32x4.add(f32x4.mul(x, constant(2)), magic), n = f32x4.sub(t, magic);
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, constant(3))), f32x4.mul(n, constant(4)));
  let p = madd(constant(5), r, constant(6));
  p = madd(p, r, constant(7));
  p = madd(p, r, constant(8));
  p = madd(p, r, constant(9));
  p = madd(p, r, constant(10));
  p = f32x4.add(madd(f32x4.mul(r, r), p, r), one());
  // n is in the low bits of t: 2^n as a factor of its own, for p · 2^127 need not be finite
  let y = f32x4.mul(p, i32x4.add(i32x4.shl(t, 23), one()));
  y = v128.andnot(y, f32x4.lt(x0, lowest));
  y = v128.bitselect(splat(Infinity), y, f32x4.gt(x0, highest));
  return v128.bitselect(x0, y, f32x4.ne(x0, x0));
}

/** e^x where x is never above 88: 0 below −87.3, NaN stays by itself. */
// @ts-ignore: decorator
@inline export function expDown(x0: v128): v128 {
  const lowest = constant(0), magic = exp2Constant(1), x = f32x4.pmax(x0, lowest);
  const t = f32x4.add(f32x4.mul(x, constant(2)), magic), n = f32x4.sub(t, magic);
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, constant(3))), f32x4.mul(n, constant(4)));
  let p = madd(constant(5), r, constant(6));
  p = madd(p, r, constant(7));
  p = madd(p, r, constant(8));
  p = madd(p, r, constant(9));
  p = madd(p, r, constant(10));
  p = f32x4.add(madd(f32x4.mul(r, r), p, r), one());
  return v128.andnot(f32x4.mul(p, i32x4.add(i32x4.shl(t, 23), one())), f32x4.lt(x0, lowest));
}

/** tanh x: an odd polynomial below 0.625, 1 − 2 / (e^2x + 1) above (Cephes tanhf). */
// @ts-ignore: decorator
@inline export function tanh(x: v128): v128 {
  const z = f32x4.mul(x, x);
  let p = madd(constant(11), z, constant(12));
  p = madd(p, z, constant(13));
  p = madd(p, z, constant(14));
  p = madd(p, z, constant(15));
  const small = madd(f32x4.mul(p, z), x, x);
  const large = f32x4.sub(one(), f32x4.div(constant(27), f32x4.add(exp(f32x4.add(x, x)), one())));
  return v128.bitselect(small, large, f32x4.lt(f32x4.abs(x), constant(29)));
}
