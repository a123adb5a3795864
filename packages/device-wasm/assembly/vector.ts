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
 * 2^x for x ≤ 0, never less than 2^−126: a seen key always has a weight above 0. Relative error 2e-7 (minimax
 * polynomial of degree 5 on [−½, ½], constant term 1 so that 2^0 is exact).
 */
// @ts-ignore: decorator
@inline export function exp2Down(x0: v128): v128 {
  const x = f32x4.max(x0, splat(-126));
  const t = f32x4.add(x, splat(12582912)); // 1.5 · 2^23: the integer part lands in the low bits
  const f = f32x4.sub(x, f32x4.sub(t, splat(12582912)));
  let p = madd(splat(0.0013276471979469665), f, splat(0.009675541334211306));
  p = madd(p, f, splat(0.055507132735425686));
  p = madd(p, f, splat(0.24022119723848565));
  p = madd(p, f, splat(0.6931469670647332));
  p = madd(p, f, splat(1));
  return i32x4.add(p, i32x4.shl(t, 23));
}

/** e^x over the whole range: 0 below −87.3, infinity above 88.3, NaN stays. Cephes expf: relative error 1e-7. */
// @ts-ignore: decorator
@inline export function exp(x0: v128): v128 {
  const x = f32x4.min(f32x4.max(x0, splat(-87.3)), splat(88.3));
  const n = f32x4.nearest(f32x4.mul(x, splat(1.44269504088896341)));
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, splat(0.693359375))), f32x4.mul(n, splat(-2.12194440e-4)));
  let p = madd(splat(1.9875691500e-4), r, splat(1.3981999507e-3));
  p = madd(p, r, splat(8.3334519073e-3));
  p = madd(p, r, splat(4.1665795894e-2));
  p = madd(p, r, splat(1.6666665459e-1));
  p = madd(p, r, splat(5.0000001201e-1));
  p = f32x4.add(madd(f32x4.mul(r, r), p, r), splat(1));
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  let y = f32x4.mul(p, scale);
  y = v128.bitselect(splat(0), y, f32x4.lt(x0, splat(-87.3)));
  y = v128.bitselect(splat(Infinity), y, f32x4.gt(x0, splat(88.3)));
  return v128.bitselect(x0, y, f32x4.ne(x0, x0));
}

/** tanh x: an odd polynomial below 0.625, 1 − 2 / (e^2x + 1) above (Cephes tanhf). */
// @ts-ignore: decorator
@inline export function tanh(x: v128): v128 {
  const z = f32x4.mul(x, x);
  let p = madd(splat(-5.70498872745e-3), z, splat(2.06390887954e-2));
  p = madd(p, z, splat(-5.37397155531e-2));
  p = madd(p, z, splat(1.33314422036e-1));
  p = madd(p, z, splat(-3.33332819422e-1));
  const small = madd(f32x4.mul(p, z), x, x);
  const large = f32x4.sub(splat(1), f32x4.div(splat(2), f32x4.add(exp(f32x4.add(x, x)), splat(1))));
  return v128.bitselect(small, large, f32x4.lt(f32x4.abs(x), splat(0.625)));
}

/** Complementary error function of z ≥ 0, relative error 1.2e-7 everywhere (Numerical Recipes, section 6.2). */
// @ts-ignore: decorator
@inline export function erfc(z: v128): v128 {
  const t = f32x4.div(splat(1), madd(z, splat(0.5), splat(1)));
  let p = madd(splat(0.17087277), t, splat(-0.82215223));
  p = madd(p, t, splat(1.48851587));
  p = madd(p, t, splat(-1.13520398));
  p = madd(p, t, splat(0.27886807));
  p = madd(p, t, splat(-0.18628806));
  p = madd(p, t, splat(0.09678418));
  p = madd(p, t, splat(0.37409196));
  p = madd(p, t, splat(1.00002368));
  p = madd(p, t, splat(-1.26551223));
  return f32x4.mul(t, exp(f32x4.sub(p, f32x4.mul(z, z))));
}
