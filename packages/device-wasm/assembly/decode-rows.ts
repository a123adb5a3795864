import { at } from './job';
import { Tile } from './kernel-list';
import { madd, splat, sumOf, sums } from './vector';

/**
 * Dot products with keys and sums of values for decode, in f32. Widths are multiples of 4; rows of scores are
 * `Tile.chunk` apart.
 */

/**
 * Scores of H queries, one a key head, with the first `4 · part` keys. Keys `l`, `l + part`, `l + 2 part`, … run side by
 * side: four streams that each go front to back through pages of their own are what prefetchers follow best (measured:
 * 1.8 times faster than four neighbours at once, where memory is the limit).
 */
export function streamScores(queries: usize, k: usize, stride: usize, H: i32, D: i32, scores: usize, part: i32): void {
  const jump = stride * <usize>part;
  for (let l = 0; l < part; l++) {
    for (let h = 0; h < H; h++) {
      const x = fourDots(at(queries, h * D), at(k, h * D), jump, D), s = at(scores, h * Tile.chunk + l);
      v128.store32_lane(s, x, 0);
      v128.store32_lane(at(s, part), x, 1);
      v128.store32_lane(at(s, 2 * part), x, 2);
      v128.store32_lane(at(s, 3 * part), x, 3);
    }
    k += stride;
  }
}

/** `target[h] += Σ scores[h][l] · v[l][h]` over the first `4 · part` values, in four streams too. */
export function streamSums(scores: usize, v: usize, stride: usize, H: i32, Dw: i32, Dv: i32, target: usize, part: i32): void {
  const jump = stride * <usize>part;
  for (let l = 0; l < part; l++) {
    for (let h = 0; h < H; h++) addFour(at(scores, h * Tile.chunk + l), at(v, h * Dw), jump, at(target, h * Dv), Dv, part);
    v += stride;
  }
}

function addFour(weights: usize, v: usize, jump: usize, target: usize, Dv: i32, part: i32): void {
  const w0 = v128.load32_splat(weights), w1 = v128.load32_splat(at(weights, part));
  const w2 = v128.load32_splat(at(weights, 2 * part)), w3 = v128.load32_splat(at(weights, 3 * part));
  const v1 = v + jump, v2 = v1 + jump, v3 = v2 + jump;
  for (let d: usize = 0; d < <usize>Dv << 2; d += 16) {
    const a = madd(w1, v128.load(v1 + d), madd(w0, v128.load(v + d), v128.load(target + d)));
    v128.store(target + d, f32x4.add(a, madd(w3, v128.load(v3 + d), f32x4.mul(w2, v128.load(v2 + d)))));
  }
}

/** One query with four keys, `jump` apart. */
// @ts-ignore: decorator
@inline function fourDots(q: usize, k: usize, jump: usize, D: i32): v128 {
  let a = splat(0), b = a, c = a, e = a;
  const k1 = k + jump, k2 = k1 + jump, k3 = k2 + jump;
  const end = <usize>D << 2;
  let d: usize = 0;
  for (; d + 32 <= end; d += 32) {
    const x = v128.load(q + d), y = v128.load(q + d, 16);
    a = madd(x, v128.load(k + d), a);
    b = madd(x, v128.load(k1 + d), b);
    c = madd(x, v128.load(k2 + d), c);
    e = madd(x, v128.load(k3 + d), e);
    a = madd(y, v128.load(k + d, 16), a);
    b = madd(y, v128.load(k1 + d, 16), b);
    c = madd(y, v128.load(k2 + d, 16), c);
    e = madd(y, v128.load(k3 + d, 16), e);
  }
  for (; d < end; d += 16) {
    const x = v128.load(q + d);
    a = madd(x, v128.load(k + d), a);
    b = madd(x, v128.load(k1 + d), b);
    c = madd(x, v128.load(k2 + d), c);
    e = madd(x, v128.load(k3 + d), e);
  }
  return sums(a, b, c, e);
}

/** Scores of `g` queries of one key head with `count` keys, read once. */
export function groupScores(q: usize, g: i32, k: usize, stride: usize, scores: usize, D: i32, count: i32): void {
  let row = 0;
  for (; row + 4 <= g; row += 4) {
    const first = at(q, row * D), s = at(scores, row * Tile.chunk);
    let l = 0;
    for (; l + 2 <= count; l += 2) dotFourRows(first, k + <usize>l * stride, stride, at(s, l), D);
    for (; l < count; l++)
      for (let r = 0; r < 4; r++) store<f32>(at(s, r * Tile.chunk + l), dot(at(first, r * D), k + <usize>l * stride, D));
  }
  for (; row < g; row++) {
    const one = at(q, row * D), s = at(scores, row * Tile.chunk);
    let l = 0;
    for (; l + 4 <= count; l += 4) v128.store(at(s, l), fourDots(one, k + <usize>l * stride, stride, D));
    for (; l < count; l++) store<f32>(at(s, l), dot(one, k + <usize>l * stride, D));
  }
}

/** `target[row] += Σ scores[row][l] · v[l]` of `g` rows; `careful` where a value of weight 0 may be anything. */
export function groupSums(scores: usize, g: i32, v: usize, stride: usize, target: usize, Dv: i32, count: i32, careful: bool): void {
  let row = 0;
  if (!careful)
    for (; row + 4 <= g; row += 4) addToFourRows(at(scores, row * Tile.chunk), v, stride, at(target, row * Dv), Dv, count);
  for (; row < g; row++) addValues(at(scores, row * Tile.chunk), v, stride, at(target, row * Dv), Dv, count);
}

function dot(q: usize, k: usize, D: i32): f32 {
  let a = splat(0);
  for (let d = 0; d < D; d += 4) a = madd(v128.load(at(q, d)), v128.load(at(k, d)), a);
  return sumOf(a);
}

/** Four queries of a group, one after the other, with two keys. */
function dotFourRows(q: usize, k: usize, stride: usize, s: usize, D: i32): void {
  let a0 = splat(0), b0 = a0, c0 = a0, e0 = a0, a1 = a0, b1 = a0, c1 = a0, e1 = a0;
  const width = <usize>D << 2;
  const q1 = q + width, q2 = q1 + width, q3 = q2 + width, k1 = k + stride;
  for (let d: usize = 0; d < width; d += 16) {
    const x = v128.load(k + d), y = v128.load(k1 + d);
    const u = v128.load(q + d), v = v128.load(q1 + d);
    a0 = madd(u, x, a0);
    a1 = madd(u, y, a1);
    b0 = madd(v, x, b0);
    b1 = madd(v, y, b1);
    const w = v128.load(q2 + d), z = v128.load(q3 + d);
    c0 = madd(w, x, c0);
    c1 = madd(w, y, c1);
    e0 = madd(z, x, e0);
    e1 = madd(z, y, e1);
  }
  const left = sums(a0, b0, c0, e0), right = sums(a1, b1, c1, e1);
  const both = v128.shuffle<f32>(left, right, 0, 4, 1, 5), rest = v128.shuffle<f32>(left, right, 2, 6, 3, 7);
  v128.store64_lane(s, both, 0);
  v128.store64_lane(s, both, 1, Tile.chunk * 4);
  v128.store64_lane(s, rest, 0, Tile.chunk * 8);
  v128.store64_lane(s, rest, 1, Tile.chunk * 12);
}

/** A weight of 0 is a hidden key: what stands in its value, NaN included, must not count. */
function addValues(weights: usize, v: usize, stride: usize, target: usize, width: i32, count: i32): void {
  for (let l = 0; l < count; l++) {
    const w = load<f32>(at(weights, l));
    if (w !== 0)
      for (let d = 0; d < width; d += 4)
        v128.store(at(target, d), madd(splat(w), v128.load(at(v, d)), v128.load(at(target, d))));
    v += stride;
  }
}

/** Four rows of weights; 8 columns at a time stay in registers over all values. */
function addToFourRows(weights: usize, v: usize, stride: usize, target: usize, Dv: i32, count: i32): void {
  const row = <usize>Dv << 2;
  let d: usize = 0;
  for (; d + 32 <= row; d += 32) {
    const to = target + d;
    let a0 = v128.load(to), a1 = v128.load(to, 16), b0 = v128.load(to + row), b1 = v128.load(to + row, 16);
    let c0 = v128.load(to + 2 * row), c1 = v128.load(to + 2 * row, 16), e0 = v128.load(to + 3 * row), e1 = v128.load(to + 3 * row, 16);
    let p = v + d, w = weights;
    for (let l = 0; l < count; l++) {
      const x = v128.load(p), y = v128.load(p, 16);
      const s = v128.load32_splat(w), t = v128.load32_splat(w, Tile.chunk * 4);
      a0 = madd(s, x, a0);
      a1 = madd(s, y, a1);
      b0 = madd(t, x, b0);
      b1 = madd(t, y, b1);
      const u = v128.load32_splat(w, Tile.chunk * 8), z = v128.load32_splat(w, Tile.chunk * 12);
      c0 = madd(u, x, c0);
      c1 = madd(u, y, c1);
      e0 = madd(z, x, e0);
      e1 = madd(z, y, e1);
      p += stride;
      w += 4;
    }
    v128.store(to, a0);
    v128.store(to, a1, 16);
    v128.store(to + row, b0);
    v128.store(to + row, b1, 16);
    v128.store(to + 2 * row, c0);
    v128.store(to + 2 * row, c1, 16);
    v128.store(to + 3 * row, e0);
    v128.store(to + 3 * row, e1, 16);
  }
  if (d < row) for (let r: usize = 0; r < 4; r++) addValues(weights + r * Tile.chunk * 4, v + d, stride, target + r * row + d, 4, count);
}
