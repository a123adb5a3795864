import { at, int, num, ptr } from './job';
import { Map } from './kernel-list';
import { constant, exp, exp2Constant, exp2Near, madd, one, splat, tanh } from './vector';

/**
 * y[i] = f(a[i], b[i mod the length of b]).
 *
 * ```text
 * arguments  0 a, 1 b or 0, 2 y, 3 length, 4 length of b, 5 scale or alpha, 6 a number of Map, 7 elements a task
 * ```
 */
export function mapTask(task: i32): void {
  const a = ptr(0), b = ptr(1), y = ptr(2), period = int(4);
  const start = task * int(7), end = min(int(3), start + int(7));
  if (b === 0 || period === 1) return mapRun(at(a, start), b, at(y, start), end - start, b !== 0);
  let i = start;
  while (i < end) {
    const inside = i % period;
    const length = min(end - i, period - inside);
    mapRun(at(a, i), at(b, inside), at(y, i), length, false);
    i += length;
  }
}

/** What is computed most has a loop of its own: elsewhere each four numbers choose their formula. */
function mapRun(a: usize, b: usize, y: usize, length: i32, single: bool): void {
  const kind = int(6);
  switch (kind) {
    case Map.add: return loop(Map.add, a, b, y, length, single);
    case Map.multiply: return loop(Map.multiply, a, b, y, length, single);
    case Map.silu: return loop(Map.silu, a, b, y, length, single);
    case Map.gelu: {
      const done = geluPairs(a, y, length);
      return loop(Map.gelu, at(a, done), b, at(y, done), length - done, single);
    }
    case Map.geluTanh: return loop(Map.geluTanh, a, b, y, length, single);
    case Map.siluGradient: return loop(Map.siluGradient, a, b, y, length, single);
    case Map.geluGradient: {
      const done = single ? 0 : geluSlopePairs(a, b, y, length);
      return loop(Map.geluGradient, at(a, done), at(b, done), at(y, done), length - done, single);
    }
    case Map.geluTanhGradient: return loop(Map.geluTanhGradient, a, b, y, length, single);
    default: return loop(kind, a, b, y, length, single);
  }
}

// @ts-ignore: decorator
@inline function loop(kind: i32, a0: usize, b0: usize, y0: usize, length: i32, single: bool): void {
  let a = a0, b = b0, y = y0, left = length;
  const parameter = splat(num(5));
  let second = single ? v128.load32_splat(b) : splat(0);
  const step: usize = b !== 0 && !single ? 16 : 0;
  for (; left >= 4; left -= 4) {
    if (step) second = v128.load(b);
    v128.store(y, apply(kind, v128.load(a), second, parameter));
    a += 16;
    y += 16;
    b += step;
  }
  if (left === 0) return;
  if (step) second = loadPart(b, left);
  storePart(y, anyOf(int(6), loadPart(a, left), second, parameter), left);
}

function anyOf(kind: i32, a: v128, b: v128, parameter: v128): v128 {
  return apply(kind, a, b, parameter);
}

/** A constant `kind` leaves nothing of the others. */
// @ts-ignore: decorator
@inline function apply(kind: i32, a: v128, b: v128, parameter: v128): v128 {
  if (kind === Map.add) return f32x4.add(a, f32x4.mul(parameter, b));
  if (kind === Map.multiply) return f32x4.mul(a, b);
  if (kind === Map.silu) return silu(a, parameter);
  if (kind === Map.gelu) return gelu(a);
  if (kind === Map.geluTanh) return geluTanh(a);
  if (kind === Map.siluGradient) return f32x4.mul(b, siluSlope(a, parameter));
  if (kind === Map.geluGradient) return f32x4.mul(b, geluSlope(a));
  if (kind === Map.geluTanhGradient) return f32x4.mul(b, geluTanhSlope(a));
  return seldom(kind, a, b);
}

function seldom(kind: i32, a: v128, b: v128): v128 {
  switch (kind) {
    case Map.relu: return f32x4.max(a, splat(0));
    case Map.gatedSilu: return f32x4.mul(silu(a, one()), b);
    case Map.gatedGelu: return f32x4.mul(gelu(a), b);
    case Map.gatedGeluTanh: return f32x4.mul(geluTanh(a), b);
    case Map.exp: return exp(a);
    case Map.log: return logarithm(a);
    case Map.tanh: return tanh(a);
    case Map.sigmoid: return f32x4.div(one(), f32x4.add(one(), exp(f32x4.neg(a))));
    case Map.sqrt: return f32x4.sqrt(a);
    case Map.reciprocal: return f32x4.div(one(), a);
    case Map.abs: return f32x4.abs(a);
    case Map.floor: return f32x4.floor(a);
    case Map.reluGradient: return v128.and(b, f32x4.gt(a, splat(0)));
    default: return v128.bitselect(f32x4.add(a, one()), exp(a), f32x4.gt(a, splat(0)));
  }
}

export function logarithm(x: v128): v128 {
  let y = f32x4.splat(Mathf.log(f32x4.extract_lane(x, 0)));
  y = f32x4.replace_lane(y, 1, Mathf.log(f32x4.extract_lane(x, 1)));
  y = f32x4.replace_lane(y, 2, Mathf.log(f32x4.extract_lane(x, 2)));
  return f32x4.replace_lane(y, 3, Mathf.log(f32x4.extract_lane(x, 3)));
}

// @ts-ignore: decorator
@inline export function silu(x: v128, alpha: v128): v128 {
  return f32x4.div(x, f32x4.add(one(), exp(f32x4.neg(f32x4.mul(alpha, x)))));
}

/**
 * max(x, 0) − |x| · Φ(−|x|), with the tail of Φ as accurate far below 0 as near it: relative error 1.2e-7 (Numerical Recipes,
 * section 6.2, erfc), here in powers of 2. Below −13, where it is smaller than 1e-37, the tail stays as it is.
 */
// @ts-ignore: decorator
@inline function gelu(x: v128): v128 {
  const z = f32x4.pmin(f32x4.abs(x), constant(42));
  const t = f32x4.div(one(), madd(z, constant(30), one()));
  let p = madd(constant(16), t, constant(17));
  p = madd(p, t, constant(18));
  p = madd(p, t, constant(19));
  p = madd(p, t, constant(20));
  p = madd(p, t, constant(21));
  p = madd(p, t, constant(22));
  p = madd(p, t, constant(23));
  p = madd(p, t, constant(24));
  p = madd(p, t, constant(25));
  const tail = f32x4.mul(t, power(madd(f32x4.mul(z, z), constant(41), p)));
  return f32x4.sub(f32x4.pmax(x, splat(0)), f32x4.mul(z, tail));
}

/**
 * Two vectors of `gelu` in turn, step by step: one alone leaves the multipliers waiting for its long chain. The same operations, so
 * the same bits. @returns how many numbers are done, a multiple of 8
 */
function geluPairs(a: usize, y: usize, length: i32): i32 {
  const whole = length & ~7, end = a + (<usize>whole << 2);
  const magic = exp2Constant(1), unit = one();
  for (; a < end; a += 32, y += 32) {
    const x = v128.load(a), x1 = v128.load(a, 16);
    let c = constant(42);
    const z = f32x4.pmin(f32x4.abs(x), c), z1 = f32x4.pmin(f32x4.abs(x1), c);
    c = constant(30);
    const t = f32x4.div(unit, madd(z, c, unit)), t1 = f32x4.div(unit, madd(z1, c, unit));
    c = constant(16);
    let k = constant(17), p = madd(c, t, k), p1 = madd(c, t1, k);
    k = constant(18), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(19), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(20), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(21), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(22), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(23), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(24), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(25), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(41);
    const e = madd(f32x4.mul(z, z), k, p), e1 = madd(f32x4.mul(z1, z1), k, p1);
    const n = f32x4.add(e, magic), n1 = f32x4.add(e1, magic);
    const f = f32x4.sub(e, f32x4.sub(n, magic)), f1 = f32x4.sub(e1, f32x4.sub(n1, magic));
    k = exp2Constant(2), c = exp2Constant(3);
    let r = madd(k, f, c), r1 = madd(k, f1, c);
    k = exp2Constant(4), r = madd(r, f, k), r1 = madd(r1, f1, k);
    k = exp2Constant(5), r = madd(r, f, k), r1 = madd(r1, f1, k);
    k = exp2Constant(6), r = madd(r, f, k), r1 = madd(r1, f1, k);
    r = madd(r, f, unit), r1 = madd(r1, f1, unit);
    const tail = f32x4.mul(t, f32x4.mul(r, i32x4.add(i32x4.shl(n, 23), unit)));
    const tail1 = f32x4.mul(t1, f32x4.mul(r1, i32x4.add(i32x4.shl(n1, 23), unit)));
    v128.store(y, f32x4.sub(f32x4.pmax(x, splat(0)), f32x4.mul(z, tail)));
    v128.store(y, f32x4.sub(f32x4.pmax(x1, splat(0)), f32x4.mul(z1, tail1)), 16);
  }
  return whole;
}

/** The same of `geluSlope`, times what comes back. */
function geluSlopePairs(a: usize, b: usize, y: usize, length: i32): i32 {
  const whole = length & ~7, end = a + (<usize>whole << 2);
  const magic = exp2Constant(1), unit = one();
  for (; a < end; a += 32, b += 32, y += 32) {
    const x = v128.load(a), x1 = v128.load(a, 16);
    let c = constant(42);
    const z = f32x4.pmin(f32x4.abs(x), c), z1 = f32x4.pmin(f32x4.abs(x1), c);
    c = constant(31);
    const t = f32x4.div(unit, madd(z, c, unit)), t1 = f32x4.div(unit, madd(z1, c, unit));
    c = constant(41);
    const e = f32x4.mul(c, f32x4.mul(z, z)), e1 = f32x4.mul(c, f32x4.mul(z1, z1));
    const n = f32x4.add(e, magic), n1 = f32x4.add(e1, magic);
    const f = f32x4.sub(e, f32x4.sub(n, magic)), f1 = f32x4.sub(e1, f32x4.sub(n1, magic));
    let k = exp2Constant(2);
    c = exp2Constant(3);
    let r = madd(k, f, c), r1 = madd(k, f1, c);
    k = exp2Constant(4), r = madd(r, f, k), r1 = madd(r1, f1, k);
    k = exp2Constant(5), r = madd(r, f, k), r1 = madd(r1, f1, k);
    k = exp2Constant(6), r = madd(r, f, k), r1 = madd(r1, f1, k);
    r = madd(r, f, unit), r1 = madd(r1, f1, unit);
    const density = f32x4.mul(r, i32x4.add(i32x4.shl(n, 23), unit)), density1 = f32x4.mul(r1, i32x4.add(i32x4.shl(n1, 23), unit));
    c = constant(32), k = constant(33);
    let p = madd(c, t, k), p1 = madd(c, t1, k);
    k = constant(34), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(35), p = madd(p, t, k), p1 = madd(p1, t1, k);
    k = constant(36), p = madd(p, t, k), p1 = madd(p1, t1, k);
    c = constant(28), k = constant(37);
    const below = f32x4.mul(density, f32x4.sub(f32x4.mul(f32x4.mul(c, p), t), f32x4.mul(z, k)));
    const below1 = f32x4.mul(density1, f32x4.sub(f32x4.mul(f32x4.mul(c, p1), t1), f32x4.mul(z1, k)));
    const s = v128.bitselect(below, f32x4.sub(unit, below), f32x4.lt(x, splat(0)));
    const s1 = v128.bitselect(below1, f32x4.sub(unit, below1), f32x4.lt(x1, splat(0)));
    v128.store(y, f32x4.mul(v128.load(b), s));
    v128.store(y, f32x4.mul(v128.load(b, 16), s1), 16);
  }
  return whole;
}

// @ts-ignore: decorator
@inline function power(x: v128): v128 {
  return exp2Near(x, exp2Constant(1), exp2Constant(2), exp2Constant(3), exp2Constant(4), exp2Constant(5), exp2Constant(6), exp2Constant(7));
}

// @ts-ignore: decorator
@inline function geluTanh(x: v128): v128 {
  const cubic = f32x4.mul(f32x4.mul(f32x4.mul(x, x), x), constant(39));
  const t = tanh(f32x4.mul(constant(38), f32x4.add(x, cubic)));
  return f32x4.mul(f32x4.mul(constant(28), x), f32x4.add(one(), t));
}

/** Of a, with the derivative of its activation; b is what comes back. */
// @ts-ignore: decorator
@inline function siluSlope(x: v128, alpha: v128): v128 {
  const inner = f32x4.mul(alpha, x);
  const s = f32x4.div(one(), f32x4.add(one(), exp(f32x4.neg(inner))));
  return f32x4.add(s, f32x4.mul(inner, f32x4.mul(s, f32x4.sub(one(), s))));
}

/**
 * Φ(x) + x · φ(x) with one exponential for both: Φ to 8e-8 absolutely (Abramowitz & Stegun 7.1.26), which is enough for
 * a derivative of about 1, and not for gelu itself far below 0. What it is at −|x| makes 1 together with what it is at |x|.
 */
// @ts-ignore: decorator
@inline function geluSlope(x: v128): v128 {
  const z = f32x4.pmin(f32x4.abs(x), constant(42));
  const t = f32x4.div(one(), madd(z, constant(31), one()));
  const density = power(f32x4.mul(constant(41), f32x4.mul(z, z)));
  let p = madd(constant(32), t, constant(33));
  p = madd(p, t, constant(34));
  p = madd(p, t, constant(35));
  p = madd(p, t, constant(36));
  const share = f32x4.sub(f32x4.mul(f32x4.mul(constant(28), p), t), f32x4.mul(z, constant(37)));
  const below = f32x4.mul(density, share);
  return v128.bitselect(below, f32x4.sub(one(), below), f32x4.lt(x, splat(0)));
}

// @ts-ignore: decorator
@inline function geluTanhSlope(x: v128): v128 {
  const square = f32x4.mul(x, x);
  const cubic = f32x4.mul(f32x4.mul(square, x), constant(39));
  const t = tanh(f32x4.mul(constant(38), f32x4.add(x, cubic)));
  const inner = f32x4.mul(constant(38), f32x4.add(one(), f32x4.mul(constant(40), square)));
  const bend = f32x4.mul(f32x4.sub(one(), f32x4.mul(t, t)), f32x4.mul(x, inner));
  return f32x4.mul(constant(28), f32x4.add(f32x4.add(one(), t), bend));
}

/** 1 to 3 numbers in the low lanes, zeros above. */
export function loadPart(from: usize, count: i32): v128 {
  let v = v128.load32_zero(from);
  if (count > 1) v = v128.load_lane<f32>(from, v, 1, 4);
  if (count > 2) v = v128.load_lane<f32>(from, v, 2, 8);
  return v;
}

export function storePart(to: usize, v: v128, count: i32): void {
  v128.store_lane<f32>(to, v, 0);
  if (count > 1) v128.store_lane<f32>(to, v, 1, 4);
  if (count > 2) v128.store_lane<f32>(to, v, 2, 8);
}
