import { finishScores, HIDDEN, isScored, keyPosition, LOG2E, PARTLY, queryPosition, queryScale, readKeys, visibility } from './attention';
import { at, int, ptr } from './job';
import { Tile } from './kernel-list';
import { lseOf } from './prefill';
import { anyMaxOf, exp2Down, hasNaN, madd, splat, sumOf, sums, weighSeen } from './vector';

/**
 * Attention for few queries: one task is 128 keys of all heads, read once, front to back, in the order in which
 * a cache holds them (token after token, all heads of a token together); the query heads of a group share that
 * pass. `combineTask` then puts the parts together in a fixed order. D, Dv and Dw are multiples of 4.
 *
 * ```text
 * arguments  of attention, and 32 parts, 33 floats of one part, 34 chunks
 * part       rows = Lq · H: maxima [rows] | totals [rows] | sums [rows, Dv]
 * scratch    queries times the scale [rows, D] | scores [rows, 128] | positions [128] | until [128]
 * ```
 */
export function decodeTask(task: i32, scratch: usize): void {
  const chunks = int(34), b = task / chunks, chunk = task % chunks;
  const H = int(7), rows = int(6) * H, Dv = int(12);
  const j0 = chunk * Tile.chunk, count = min(Tile.chunk, int(13) - j0);
  const part = at(ptr(32), task * int(33));
  const scores = at(scratch, rows * int(8));
  const positions = at(scores, rows * Tile.chunk), until = at(positions, Tile.chunk);

  const seen = chunkVisibility(b, j0, count);
  if (seen === HIDDEN) {
    for (let row = 0; row < rows; row++) store<f32>(at(part, row), -Infinity);
    return;
  }
  const masked = seen === PARTLY, padded = (count + 3) & ~3;
  scaleQueries(b, rows, scratch);
  dots(b, j0, count, scratch, scores);
  if (masked || isScored()) readKeys(b, j0, padded, positions, until);
  for (let row = 0; row < rows; row++) {
    const line = at(scores, row * Tile.chunk);
    if (masked || isScored()) finishScores(line, padded, j0, b, row % H, row / H, queryPosition(b, row / H), positions, until, masked);
    for (let l = count; l < padded; l++) store<f32>(at(line, l), -Infinity);
    weighRow(line, padded, at(part, row), at(part, rows + row));
  }
  const target = at(part, 2 * rows);
  memory.fill(target, 0, <usize>(rows * Dv) << 2);
  weightedSums(b, j0, count, scores, target, masked);
}

function chunkVisibility(b: i32, j0: i32, count: i32): i32 {
  let kLow = j0, kHigh = j0 + count - 1, holes = false;
  if (ptr(28)) {
    kLow = i32.MAX_VALUE;
    kHigh = -1;
    for (let l = 0; l < count; l++) {
      const position = keyPosition(b, j0 + l);
      if (position < 0) holes = true;
      else {
        kLow = min(kLow, position);
        kHigh = max(kHigh, position);
      }
    }
  }
  let qLow = queryPosition(b, 0), qHigh = qLow;
  for (let i = 1; i < int(6); i++) {
    qLow = min(qLow, queryPosition(b, i));
    qHigh = max(qHigh, queryPosition(b, i));
  }
  return visibility(qLow, qHigh, kLow, kHigh, holes);
}

function scaleQueries(b: i32, rows: i32, target: usize): void {
  const size = rows * int(8), scale = splat(queryScale());
  const q = at(ptr(0), b * size);
  for (let d = 0; d < size; d += 4) v128.store(at(target, d), f32x4.mul(scale, v128.load(at(q, d))));
}

/** Dot products of every query row with its keys, `scores[row][l]`. */
function dots(b: i32, j0: i32, count: i32, queries: usize, scores: usize): void {
  const H = int(7), Hkv = int(10), D = int(8), g = H / Hkv, Lq = int(6);
  const stride = <usize>(Hkv * D) << 2;
  const k = at(ptr(1), (b * int(9) + j0) * Hkv * D);
  if (g * Lq === 1) {
    let l = 0;
    for (; l + 4 <= count; l += 4)
      for (let h = 0; h < H; h++)
        dotFourKeys(at(queries, h * D), at(k + <usize>l * stride, h * D), stride, at(scores, h * Tile.chunk + l), D);
    for (; l < count; l++)
      for (let h = 0; h < H; h++)
        store<f32>(at(scores, h * Tile.chunk + l), dot(at(queries, h * D), at(k + <usize>l * stride, h * D), D));
    return;
  }
  for (let kv = 0; kv < Hkv; kv++)
    for (let i = 0; i < Lq; i++) {
      const firstRow = i * H + kv * g;
      let row = 0;
      for (; row + 4 <= g; row += 4) {
        const q = at(queries, (firstRow + row) * D), s = at(scores, (firstRow + row) * Tile.chunk);
        let l = 0;
        for (; l + 2 <= count; l += 2) dotFourRows(q, at(k + <usize>l * stride, kv * D), stride, at(s, l), D);
        for (; l < count; l++)
          for (let r = 0; r < 4; r++) store<f32>(at(s, r * Tile.chunk + l), dot(at(q, r * D), at(k + <usize>l * stride, kv * D), D));
      }
      for (; row < g; row++) {
        const q = at(queries, (firstRow + row) * D), s = at(scores, (firstRow + row) * Tile.chunk);
        let l = 0;
        for (; l + 4 <= count; l += 4) dotFourKeys(q, at(k + <usize>l * stride, kv * D), stride, at(s, l), D);
        for (; l < count; l++) store<f32>(at(s, l), dot(q, at(k + <usize>l * stride, kv * D), D));
      }
    }
}

function dot(q: usize, k: usize, D: i32): f32 {
  let a = splat(0);
  for (let d = 0; d < D; d += 4) a = madd(v128.load(at(q, d)), v128.load(at(k, d)), a);
  return sumOf(a);
}

/** One query with four keys. */
function dotFourKeys(q: usize, k: usize, stride: usize, s: usize, D: i32): void {
  let a = splat(0), b = a, c = a, e = a;
  const k1 = k + stride, k2 = k1 + stride, k3 = k2 + stride;
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
  v128.store(s, sums(a, b, c, e));
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

/** Scores of one row into weights; its maximum and total. */
function weighRow(row: usize, count: i32, maximum: usize, total: usize): void {
  let top = v128.load(row);
  for (let p = row + 16; p < at(row, count); p += 16) top = f32x4.pmax(top, v128.load(p));
  const m = anyMaxOf(top);
  store<f32>(maximum, m);
  store<f32>(total, 0);
  if (m === -Infinity) {
    if (hasNaN(row, count)) store<f32>(maximum, NaN);
    return memory.fill(row, 0, <usize>count << 2);
  }
  store<f32>(total, weighSeen(row, count, m));
}

/** `sums[row] += Σ_l scores[row][l] · v[l]` */
function weightedSums(b: i32, j0: i32, count: i32, scores: usize, target: usize, masked: bool): void {
  const H = int(7), Hkv = int(10), Dw = int(11), Dv = int(12), g = H / Hkv, Lq = int(6);
  const stride = <usize>(Hkv * Dw) << 2;
  const v = at(ptr(2), (b * int(9) + j0) * Hkv * Dw);
  if (!masked && g * Lq === 1) {
    let l = 0;
    for (; l + 8 <= count; l += 8)
      for (let h = 0; h < H; h++)
        addEightValues(at(scores, h * Tile.chunk + l), at(v + <usize>l * stride, h * Dw), stride, at(target, h * Dv), Dv);
    for (let h = 0; h < H; h++)
      addValues(at(scores, h * Tile.chunk + l), at(v + <usize>l * stride, h * Dw), stride, at(target, h * Dv), Dv, count - l);
    return;
  }
  for (let kv = 0; kv < Hkv; kv++)
    for (let i = 0; i < Lq; i++) {
      const firstRow = i * H + kv * g;
      let row = 0;
      if (!masked)
        for (; row + 4 <= g; row += 4)
          addToFourRows(at(scores, (firstRow + row) * Tile.chunk), at(v, kv * Dw), stride, at(target, (firstRow + row) * Dv), Dv, count);
      for (; row < g; row++)
        addValues(at(scores, (firstRow + row) * Tile.chunk), at(v, kv * Dw), stride, at(target, (firstRow + row) * Dv), Dv, count);
    }
}

/** A weight of 0 is a hidden key: what stands in its value, NaN included, must not count. */
function addValues(weights: usize, v: usize, stride: usize, target: usize, Dv: i32, count: i32): void {
  for (let l = 0; l < count; l++) {
    const w = load<f32>(at(weights, l));
    if (w !== 0)
      for (let d = 0; d < Dv; d += 4)
        v128.store(at(target, d), madd(splat(w), v128.load(at(v, d)), v128.load(at(target, d))));
    v += stride;
  }
}

function addEightValues(weights: usize, v: usize, stride: usize, target: usize, Dv: i32): void {
  const w0 = v128.load32_splat(weights), w1 = v128.load32_splat(weights, 4), w2 = v128.load32_splat(weights, 8), w3 = v128.load32_splat(weights, 12);
  const w4 = v128.load32_splat(weights, 16), w5 = v128.load32_splat(weights, 20), w6 = v128.load32_splat(weights, 24), w7 = v128.load32_splat(weights, 28);
  const v1 = v + stride, v2 = v1 + stride, v3 = v2 + stride, v4 = v3 + stride, v5 = v4 + stride, v6 = v5 + stride, v7 = v6 + stride;
  for (let d: usize = 0; d < <usize>Dv << 2; d += 16) {
    let a = madd(w0, v128.load(v + d), v128.load(target + d));
    let b = f32x4.mul(w1, v128.load(v1 + d));
    a = madd(w2, v128.load(v2 + d), a);
    b = madd(w3, v128.load(v3 + d), b);
    a = madd(w4, v128.load(v4 + d), a);
    b = madd(w5, v128.load(v5 + d), b);
    a = madd(w6, v128.load(v6 + d), a);
    b = madd(w7, v128.load(v7 + d), b);
    v128.store(target + d, f32x4.add(a, b));
  }
}

/** Four rows of weights, 128 apart; 8 columns at a time stay in registers over all values. */
function addToFourRows(weights: usize, v: usize, stride: usize, target: usize, Dv: i32, count: i32): void {
  const row = <usize>Dv << 2;
  let d: usize = 0;
  for (; d + 32 <= row; d += 32) {
    let a0 = splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, e0 = a0, e1 = a0;
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
    const to = target + d;
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

/**
 * Puts the parts of one row of one query together; one (batch, row) a task.
 */
export function combineTask(task: i32): void {
  const H = int(7), Lq = int(6), rows = Lq * H, Dv = int(12), chunks = int(34);
  const b = task / rows, row = task % rows;
  const i = row / H, h = row % H;
  const first = at(ptr(32), b * chunks * int(33));
  const size = <usize>int(33) << 2;
  const sink: f32 = ptr(25) ? load<f32>(at(ptr(25), h)) * LOG2E : -Infinity;
  let m = sink;
  for (let c = 0; c < chunks; c++) m = max(m, load<f32>(at(first + <usize>c * size, row)));
  const out = at(ptr(3), task * Dv);
  memory.fill(out, 0, <usize>Dv << 2);
  let total: f32 = sink === -Infinity ? 0 : power(sink - m);
  if (m !== -Infinity)
    for (let c = 0; c < chunks; c++) {
      const part = first + <usize>c * size;
      const maximum = load<f32>(at(part, row));
      if (maximum === -Infinity) continue;
      const w = power(maximum - m);
      total += w * load<f32>(at(part, rows + row));
      const from = at(part, 2 * rows + row * Dv);
      for (let d = 0; d < Dv; d += 4) v128.store(at(out, d), madd(splat(w), v128.load(at(from, d)), v128.load(at(out, d))));
    }
  const scale: f32 = m === m ? (total === 0 ? 0 : 1 / total) : NaN;
  for (let d = 0; d < Dv; d += 4) v128.store(at(out, d), f32x4.mul(splat(scale), v128.load(at(out, d))));
  if (ptr(4)) store<f32>(at(ptr(4), (b * H + h) * Lq + i), lseOf(m, total));
}

function power(x: f32): f32 {
  return f32x4.extract_lane(exp2Down(splat(x)), 0);
}
