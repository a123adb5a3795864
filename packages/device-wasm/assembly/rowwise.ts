import { loadPart, storePart } from './elementwise';
import { at, int, num, ptr } from './job';
import { addWide, expDown, maxOf, splat, wideSum } from './vector';

/**
 * RMSNorm and LayerNorm over rows.
 *
 * ```text
 * arguments  0 x, 1 weight or 0, 2 bias or 0, 3 y, 4 means or 0, 5 inverses or 0, 6 rows, 7 E, 8 eps,
 *            9 centred (LayerNorm), 10 rows a task
 * ```
 */
export function normTask(task: i32): void {
  const E = int(7), start = task * int(10), end = min(int(6), start + int(10));
  const centred = int(9) !== 0, weight = ptr(1), bias = ptr(2), share = 1 / <f64>E;
  for (let row = start; row < end; row++) {
    const x = at(ptr(0), row * E), y = at(ptr(3), row * E);
    const mean: f32 = centred ? <f32>(total(x, E) * share) : 0;
    const inverse: f32 = 1 / sqrt<f32>(<f32>(squares(x, E, mean) * share) + num(8));
    const m = splat(mean), s = splat(inverse);
    for (let e = 0; e < E; e += 4) {
      const left = E - e;
      let v = f32x4.mul(f32x4.sub(some(at(x, e), left), m), s);
      if (weight) v = f32x4.mul(v, some(at(weight, e), left));
      if (bias) v = f32x4.add(v, some(at(bias, e), left));
      if (left >= 4) v128.store(at(y, e), v);
      else storePart(at(y, e), v, left);
    }
    if (ptr(4)) {
      store<f32>(at(ptr(4), row), mean);
      store<f32>(at(ptr(5), row), inverse);
    }
  }
}

// @ts-ignore: decorator
@inline export function some(from: usize, left: i32): v128 {
  return left >= 4 ? v128.load(from) : loadPart(from, left);
}

/** Numbers that are summed in f32 before they join the sum in f64: 16 additions in a lane. */
const PIECE: i32 = 128;

export function total(x: usize, E: i32): f64 {
  let sum = f64x2.splat(0), e = 0;
  while (e < E) {
    let a = splat(0), b = a;
    const end = min(e + PIECE, E);
    for (; e + 8 <= end; e += 8) {
      a = f32x4.add(a, v128.load(at(x, e)));
      b = f32x4.add(b, v128.load(at(x, e), 16));
    }
    for (; e < end; e += 4) a = f32x4.add(a, some(at(x, e), end - e));
    sum = addWide(sum, f32x4.add(a, b));
  }
  return wideSum(sum);
}

export function squares(x: usize, E: i32, mean: f32): f64 {
  const m = splat(mean);
  let sum = f64x2.splat(0), e = 0;
  while (e < E) {
    let a = splat(0), b = a;
    const end = min(e + PIECE, E);
    for (; e + 8 <= end; e += 8) {
      const u = f32x4.sub(v128.load(at(x, e)), m), v = f32x4.sub(v128.load(at(x, e), 16), m);
      a = f32x4.add(a, f32x4.mul(u, u));
      b = f32x4.add(b, f32x4.mul(v, v));
    }
    for (; e < end; e++) {
      const u = load<f32>(at(x, e)) - mean;
      b = f32x4.add(b, f32x4.replace_lane(splat(0), 0, u * u));
    }
    sum = addWide(sum, f32x4.add(a, b));
  }
  return wideSum(sum);
}

/**
 * Softmax or its logarithm over rows; a row of nothing but −∞ gives zeros (−∞ for the logarithm).
 *
 * ```text
 * arguments  0 x, 1 y, 2 rows, 3 E, 4 logarithm, 5 rows a task
 * ```
 */
export function softmaxTask(task: i32): void {
  const E = int(3), start = task * int(5), end = min(int(2), start + int(5));
  const logarithm = int(4) !== 0;
  for (let row = start; row < end; row++) {
    const x = at(ptr(0), row * E), y = at(ptr(1), row * E);
    const top = largest(x, E);
    if (top === -Infinity) {
      for (let e = 0; e < E; e++) store<f32>(at(y, e), logarithm ? -Infinity : 0);
      continue;
    }
    const shift = splat(top), whole = E & ~3;
    let sum = f64x2.splat(0), e = 0;
    while (e < whole) {
      let piece = splat(0);
      for (const end = min(e + PIECE / 2, whole); e < end; e += 4) {
        const p = expDown(f32x4.sub(v128.load(at(x, e)), shift));
        piece = f32x4.add(piece, p);
        if (!logarithm) v128.store(at(y, e), p);
      }
      sum = addWide(sum, piece);
    }
    let total = wideSum(sum);
    for (; e < E; e++) {
      const p = f32x4.extract_lane(expDown(splat(load<f32>(at(x, e)) - top)), 0);
      total += <f64>p;
      if (!logarithm) store<f32>(at(y, e), p);
    }
    if (logarithm) {
      const ln = <f32>Math.log(total);
      for (e = 0; e < E; e++) store<f32>(at(y, e), load<f32>(at(x, e)) - top - ln);
    } else {
      const inverse = <f32>(1 / total);
      for (e = 0; e < whole; e += 4) v128.store(at(y, e), f32x4.mul(v128.load(at(y, e)), splat(inverse)));
      for (; e < E; e++) store<f32>(at(y, e), load<f32>(at(y, e)) * inverse);
    }
  }
}

/** The largest number of a row; NaN if there is one. */
export function largest(x: usize, E: i32): f32 {
  let a = splat(-Infinity), b = a, e = 0;
  for (; e + 8 <= E; e += 8) {
    a = f32x4.max(a, v128.load(at(x, e)));
    b = f32x4.max(b, v128.load(at(x, e), 16));
  }
  let top = maxOf(f32x4.max(a, b));
  for (; e < E; e++) top = max(top, load<f32>(at(x, e)));
  return top;
}

/**
 * Turns pairs of each head by the angle of the token's position.
 *
 * ```text
 * arguments  0 x, 1 cos, 2 sin, 3 positions, 4 y, 5 tokens, 6 L, 7 H, 8 D, 9 R/2, 10 rows of the tables,
 *            11 positions from batch to batch, 12 interleaved, 13 tokens a task
 * ```
 */
export function rotaryTask(task: i32): void {
  const L = int(6), H = int(7), D = int(8), half = int(9);
  const start = task * int(13), end = min(int(5), start + int(13));
  for (let token = start; token < end; token++) {
    const b = token / L;
    const position = load<i32>(at(ptr(3), b * int(11) + token - b * L));
    const inside = position >= 0 && position < int(10);
    const cos = at(ptr(1), position * half), sin = at(ptr(2), position * half);
    for (let h = 0; h < H; h++) {
      const x = at(ptr(0), (token * H + h) * D), y = at(ptr(4), (token * H + h) * D);
      if (!inside) memory.fill(y, 0, <usize>half << 3);
      else if (int(12)) turnInterleaved(x, y, cos, sin, half);
      else turnHalves(x, y, cos, sin, half);
      const turned = <usize>half << 3;
      memory.copy(y + turned, x + turned, (<usize>D << 2) - turned);
    }
  }
}

function turnHalves(x: usize, y: usize, cos: usize, sin: usize, half: i32): void {
  let i = 0;
  for (; i + 4 <= half; i += 4) {
    const a = v128.load(at(x, i)), b = v128.load(at(x, i + half));
    const c = v128.load(at(cos, i)), s = v128.load(at(sin, i));
    v128.store(at(y, i), f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(at(y, i + half), f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
  for (; i < half; i++) turn(x, y, i, i + half, load<f32>(at(cos, i)), load<f32>(at(sin, i)));
}

function turnInterleaved(x: usize, y: usize, cos: usize, sin: usize, half: i32): void {
  for (let i = 0; i < half; i++) turn(x, y, 2 * i, 2 * i + 1, load<f32>(at(cos, i)), load<f32>(at(sin, i)));
}

// @ts-ignore: decorator
@inline function turn(x: usize, y: usize, first: i32, second: i32, c: f32, s: f32): void {
  const a = load<f32>(at(x, first)), b = load<f32>(at(x, second));
  store<f32>(at(y, first), a * c - b * s);
  store<f32>(at(y, second), b * c + a * s);
}
