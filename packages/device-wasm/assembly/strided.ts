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

/** Rows that are summed in f32 before they join the sum in f64; a multiple of 4. */
const PIECE: i32 = 64;

/**
 * The sum of each column over all rows; a task takes some columns, and reads their rows front to back.
 *
 * ```text
 * arguments  0 x [rows, E], 1 y [E], 2 rows, 3 E, 4 columns a task, a multiple of 4
 * scratch    sums of some rows [columns a task] | sums in f64 [columns a task]
 * ```
 */
export function columnSumsTask(task: i32, scratch: usize): void {
  const first = task * int(4), width = min(int(4), int(3) - first), rows = int(2), stride = <usize>int(3) << 2;
  const sums = at(scratch, int(4));
  memory.fill(sums, 0, <usize>width << 3);
  let from = at(ptr(0), first), row = 0;
  while (row < rows) {
    memory.fill(scratch, 0, <usize>width << 2);
    const end = min(row + PIECE, rows);
    for (; row + 4 <= end; row += 4, from += stride << 2) addFour(from, stride, scratch, width);
    for (; row < end; row++, from += stride) addOne(from, scratch, width);
    for (let e = 0; e < width; e++) {
      const place = sums + (<usize>e << 3);
      store<f64>(place, load<f64>(place) + <f64>load<f32>(at(scratch, e)));
    }
  }
  for (let e = 0; e < width; e++) store<f32>(at(ptr(1), first + e), <f32>load<f64>(sums + (<usize>e << 3)));
}

/** Adds four rows to the sums of their columns. */
function addFour(x0: usize, stride: usize, sums: usize, width: i32): void {
  const x1 = x0 + stride, x2 = x1 + stride, x3 = x2 + stride, whole = <usize>(width & ~3) << 2, end = <usize>width << 2;
  let e: usize = 0;
  for (; e < whole; e += 16) {
    const pair = f32x4.add(v128.load(x0 + e), v128.load(x1 + e)), other = f32x4.add(v128.load(x2 + e), v128.load(x3 + e));
    v128.store(sums + e, f32x4.add(v128.load(sums + e), f32x4.add(pair, other)));
  }
  for (; e < end; e += 4) {
    const pair = load<f32>(x0 + e) + load<f32>(x1 + e), other = load<f32>(x2 + e) + load<f32>(x3 + e);
    store<f32>(sums + e, load<f32>(sums + e) + (pair + other));
  }
}

function addOne(x: usize, sums: usize, width: i32): void {
  for (let e = 0; e < width; e++) store<f32>(at(sums, e), load<f32>(at(sums, e)) + load<f32>(at(x, e)));
}
