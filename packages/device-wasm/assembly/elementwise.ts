import { at, int, num, ptr } from './job';
import { Map } from './kernel-list';
import { erfc, exp, madd, splat, tanh } from './vector';

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

function mapRun(a: usize, b: usize, y: usize, length: i32, one: bool): void {
  const kind = int(6), parameter = splat(num(5));
  const binary = b !== 0;
  const same = one ? v128.load32_splat(b) : splat(0);
  let left = length;
  for (; left >= 4; left -= 4) {
    const second = one ? same : binary ? v128.load(b) : same;
    v128.store(y, apply(kind, v128.load(a), second, parameter));
    a += 16;
    y += 16;
    if (binary && !one) b += 16;
  }
  if (left === 0) return;
  const second = one ? same : binary ? loadPart(b, left) : same;
  storePart(y, apply(kind, loadPart(a, left), second, parameter), left);
}

function apply(kind: i32, a: v128, b: v128, parameter: v128): v128 {
  switch (kind) {
    case Map.add: return f32x4.add(a, f32x4.mul(parameter, b));
    case Map.multiply: return f32x4.mul(a, b);
    case Map.silu: return silu(a, parameter);
    case Map.gelu: return gelu(a);
    case Map.geluTanh: return geluTanh(a);
    case Map.relu: return f32x4.max(a, splat(0));
    case Map.gatedSilu: return f32x4.mul(silu(a, splat(1)), b);
    case Map.gatedGelu: return f32x4.mul(gelu(a), b);
    case Map.gatedGeluTanh: return f32x4.mul(geluTanh(a), b);
    case Map.exp: return exp(a);
    case Map.log: return logarithm(a);
    case Map.tanh: return tanh(a);
    case Map.sigmoid: return f32x4.div(splat(1), f32x4.add(splat(1), exp(f32x4.neg(a))));
    case Map.sqrt: return f32x4.sqrt(a);
    case Map.reciprocal: return f32x4.div(splat(1), a);
    case Map.abs: return f32x4.abs(a);
    case Map.floor: return f32x4.floor(a);
    case Map.siluGradient: return f32x4.mul(b, siluSlope(a, parameter));
    case Map.geluGradient: return f32x4.mul(b, geluSlope(a));
    case Map.geluTanhGradient: return f32x4.mul(b, geluTanhSlope(a));
    case Map.reluGradient: return v128.and(b, f32x4.gt(a, splat(0)));
    default: return v128.bitselect(f32x4.add(a, splat(1)), exp(a), f32x4.gt(a, splat(0)));
  }
}

function logarithm(x: v128): v128 {
  let y = f32x4.splat(Mathf.log(f32x4.extract_lane(x, 0)));
  y = f32x4.replace_lane(y, 1, Mathf.log(f32x4.extract_lane(x, 1)));
  y = f32x4.replace_lane(y, 2, Mathf.log(f32x4.extract_lane(x, 2)));
  return f32x4.replace_lane(y, 3, Mathf.log(f32x4.extract_lane(x, 3)));
}

// @ts-ignore: decorator
@inline function silu(x: v128, alpha: v128): v128 {
  return f32x4.div(x, f32x4.add(splat(1), exp(f32x4.neg(f32x4.mul(alpha, x)))));
}

// @ts-ignore: decorator
@inline function gelu(x: v128): v128 {
  const tail = f32x4.mul(splat(0.5), erfc(f32x4.mul(f32x4.abs(x), splat(0.70710678118654752))));
  const share = v128.bitselect(tail, f32x4.sub(splat(1), tail), f32x4.lt(x, splat(0)));
  return f32x4.mul(x, share);
}

// @ts-ignore: decorator
@inline function geluTanh(x: v128): v128 {
  const cubic = f32x4.mul(f32x4.mul(f32x4.mul(x, x), x), splat(0.044715));
  const t = tanh(f32x4.mul(splat(0.79788456080286536), f32x4.add(x, cubic)));
  return f32x4.mul(f32x4.mul(splat(0.5), x), f32x4.add(splat(1), t));
}

/** Of a, with the derivative of its activation; b is what comes back. */
// @ts-ignore: decorator
@inline function siluSlope(x: v128, alpha: v128): v128 {
  const inner = f32x4.mul(alpha, x);
  const s = f32x4.div(splat(1), f32x4.add(splat(1), exp(f32x4.neg(inner))));
  return f32x4.add(s, f32x4.mul(inner, f32x4.mul(s, f32x4.sub(splat(1), s))));
}

/**
 * Φ(x) + x · φ(x) with one exponential for both: Φ to 8e-8 absolutely (Abramowitz & Stegun 7.1.26), which is enough for
 * a derivative of about 1, and not for gelu itself far below 0.
 */
// @ts-ignore: decorator
@inline function geluSlope(x: v128): v128 {
  const t = f32x4.div(splat(1), madd(f32x4.abs(x), splat(0.231641888), splat(1)));
  const density = exp(f32x4.mul(splat(-0.5), f32x4.mul(x, x)));
  let p = madd(splat(1.061405429), t, splat(-1.453152027));
  p = madd(p, t, splat(1.421413741));
  p = madd(p, t, splat(-0.284496736));
  p = madd(p, t, splat(0.254829592));
  const tail = f32x4.mul(f32x4.mul(splat(0.5), density), f32x4.mul(p, t));
  const share = v128.bitselect(tail, f32x4.sub(splat(1), tail), f32x4.lt(x, splat(0)));
  return f32x4.add(share, f32x4.mul(x, f32x4.mul(density, splat(0.39894228040143268))));
}

// @ts-ignore: decorator
@inline function geluTanhSlope(x: v128): v128 {
  const square = f32x4.mul(x, x);
  const cubic = f32x4.mul(f32x4.mul(square, x), splat(0.044715));
  const t = tanh(f32x4.mul(splat(0.79788456080286536), f32x4.add(x, cubic)));
  const inner = f32x4.mul(splat(0.79788456080286536), f32x4.add(splat(1), f32x4.mul(splat(0.134145), square)));
  const bend = f32x4.mul(f32x4.sub(splat(1), f32x4.mul(t, t)), f32x4.mul(x, inner));
  return f32x4.mul(splat(0.5), f32x4.add(f32x4.add(splat(1), t), bend));
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
