import { at, int, ptr } from './job';
import { Strided } from './kernel-list';
import { splat } from './vector';

/** Most axes of a result. */
const AXES: i32 = 6;

/**
 * y[i] = f(a, b, c) of numbers that are found by strides: repeated axes, axes in another order. For compositions; one
 * row of the last axis after the other.
 *
 * ```text
 * arguments  0 a, 1 b or 0, 2 c or 0, 3 y, 4 rows, 5 a number of Strided, 6 rows a task
 *            7 … 12 sizes of the six axes, 13 … 18 strides of a, 19 … 24 of b, 25 … 30 of c; in elements
 * ```
 */
export function stridedTask(task: i32): void {
  const width = int(12), kind = int(5);
  const start = task * int(6), end = min(int(4), start + int(6));
  const stepA = int(18), stepB = int(24), stepC = int(30);
  for (let row = start; row < end; row++) {
    let a = 0, b = 0, c = 0, left = row;
    for (let axis = AXES - 2; axis >= 0; axis--) {
      const size = int(7 + axis), i = left % size;
      left /= size;
      a += i * int(13 + axis);
      b += i * int(19 + axis);
      c += i * int(25 + axis);
    }
    let y = at(ptr(3), row * width);
    let pa = at(ptr(0), a), pb = at(ptr(1), b), pc = at(ptr(2), c);
    for (let x = 0; x < width; x++) {
      apply(kind, pa, pb, pc, y);
      pa += <usize>stepA << 2;
      pb += <usize>stepB << 2;
      pc += <usize>stepC << 2;
      y += 4;
    }
  }
}

/** Towards zero; what does not fit is the nearest that does, so that nothing traps. */
// @ts-ignore: decorator
@inline function wholeOf(x: f32): i32 {
  return i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(f32x4.splat(x)), 0);
}

// @ts-ignore: decorator
@inline function apply(kind: i32, a: usize, b: usize, c: usize, y: usize): void {
  switch (kind) {
    case Strided.copy: return store<i32>(y, load<i32>(a));
    case Strided.toFloat: return store<f32>(y, <f32>load<i32>(a));
    case Strided.toInteger: return store<i32>(y, wholeOf(load<f32>(a)));
    case Strided.where: return store<i32>(y, load<f32>(a) > 0 ? load<i32>(b) : load<i32>(c));
    case Strided.add: return store<f32>(y, load<f32>(a) + load<f32>(b));
    case Strided.subtract: return store<f32>(y, load<f32>(a) - load<f32>(b));
    case Strided.multiply: return store<f32>(y, load<f32>(a) * load<f32>(b));
    case Strided.divide: return store<f32>(y, load<f32>(a) / load<f32>(b));
    case Strided.maximum: return store<f32>(y, max(load<f32>(a), load<f32>(b)));
    case Strided.minimum: return store<f32>(y, min(load<f32>(a), load<f32>(b)));
    case Strided.less: return store<f32>(y, load<f32>(a) < load<f32>(b) ? 1 : 0);
    case Strided.lessEqual: return store<f32>(y, load<f32>(a) <= load<f32>(b) ? 1 : 0);
    default: return store<f32>(y, load<f32>(a) === load<f32>(b) ? 1 : 0);
  }
}

/**
 * The numbers of each row to one: 0 their sum (in float64), 1 the largest, 2 the smallest.
 *
 * ```text
 * arguments  0 x [rows, E], 1 y [rows], 2 rows, 3 E, 4 which, 5 rows a task
 * ```
 */
export function reduceTask(task: i32): void {
  const E = int(3), kind = int(4);
  const start = task * int(5), end = min(int(2), start + int(5));
  for (let row = start; row < end; row++) {
    const x = at(ptr(0), row * E);
    let sum: f64 = 0, best: f32 = kind === 1 ? -Infinity : Infinity;
    if (kind === 0) for (let e = 0; e < E; e++) sum += <f64>load<f32>(at(x, e));
    else if (kind === 1) for (let e = 0; e < E; e++) best = max(best, load<f32>(at(x, e)));
    else for (let e = 0; e < E; e++) best = min(best, load<f32>(at(x, e)));
    store<f32>(at(ptr(1), row), kind === 0 ? <f32>sum : best);
  }
}

/**
 * Rows summed up by id; a task takes some columns of all rows, so that two threads never write one number.
 *
 * ```text
 * arguments  0 rows [N, E], 1 ids [N], 2 y [V, E] of zeros, 3 N, 4 V, 5 E, 6 columns a task
 * ```
 */
export function scatterAddTask(task: i32): void {
  const N = int(3), V = int(4), E = int(5);
  const start = task * int(6), end = min(E, start + int(6));
  for (let n = 0; n < N; n++) {
    const id = load<i32>(at(ptr(1), n));
    if (id < 0 || id >= V) continue;
    const from = at(ptr(0), n * E), to = at(ptr(2), id * E);
    for (let e = start; e < end; e++) store<f32>(at(to, e), load<f32>(at(to, e)) + load<f32>(at(from, e)));
  }
}

/** Rows that are summed in f32 before they join the sum in f64. */
const PIECE: i32 = 64;

/**
 * The sum of each column over all rows; a task takes some columns.
 *
 * ```text
 * arguments  0 x [rows, E], 1 y [E], 2 rows, 3 E, 4 columns a task, a multiple of 16
 * ```
 */
export function columnSumsTask(task: i32): void {
  const E = int(3), end = min(E, (task + 1) * int(4)), rows = int(2), stride = <usize>E << 2;
  let e = task * int(4);
  for (; e + 16 <= end; e += 16) columns(at(ptr(0), e), at(ptr(1), e), rows, stride);
  for (; e < end; e++) {
    let sum: f64 = 0, from = at(ptr(0), e);
    for (let row = 0; row < rows; row++, from += stride) sum += <f64>load<f32>(from);
    store<f32>(at(ptr(1), e), <f32>sum);
  }
}

/** Sixteen columns: a line of the cache. */
function columns(x: usize, y: usize, rows: i32, stride: usize): void {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, from = x;
  for (let left = rows; left > 0; left -= PIECE) {
    let a = splat(0), b = a, c = a, d = a;
    for (let n = min(PIECE, left); n > 0; n--) {
      a = f32x4.add(a, v128.load(from));
      b = f32x4.add(b, v128.load(from, 16));
      c = f32x4.add(c, v128.load(from, 32));
      d = f32x4.add(d, v128.load(from, 48));
      from += stride;
    }
    s0 = f64x2.add(s0, f64x2.promote_low_f32x4(a));
    s1 = f64x2.add(s1, f64x2.promote_low_f32x4(high(a)));
    s2 = f64x2.add(s2, f64x2.promote_low_f32x4(b));
    s3 = f64x2.add(s3, f64x2.promote_low_f32x4(high(b)));
    s4 = f64x2.add(s4, f64x2.promote_low_f32x4(c));
    s5 = f64x2.add(s5, f64x2.promote_low_f32x4(high(c)));
    s6 = f64x2.add(s6, f64x2.promote_low_f32x4(d));
    s7 = f64x2.add(s7, f64x2.promote_low_f32x4(high(d)));
  }
  v128.store(y, joined(s0, s1));
  v128.store(y, joined(s2, s3), 16);
  v128.store(y, joined(s4, s5), 32);
  v128.store(y, joined(s6, s7), 48);
}

// @ts-ignore: decorator
@inline function high(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 2, 3, 2, 3);
}

// @ts-ignore: decorator
@inline function joined(low: v128, high: v128): v128 {
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}
