import { finishScores, HIDDEN, isOdd, isScored, keyPosition, keyRow, LOG2E, outStride, PARTLY, queryPosition, queryScale, readKeys, valueRow, visibility, writeOut } from './attention';
import { groupScores, groupSums, streamScores, streamSums } from './decode-rows';
import { blockSums, storedScores, storedSums } from './decode-stored';
import { at, int, ptr, setInt } from './job';
import { Format, Tile } from './kernel-list';
import { ask, hasMask, hasScore, maskHeads } from './modified';
import { lseOf } from './prefill';
import { anyMaxOf, exp2Down, hasNaN, madd, splat, weighSeen } from './vector';

/**
 * Attention for few queries: one task is 128 keys of all heads, read once, in the order in which a cache holds them
 * (token after token, all heads of a token together); the query heads of a group share that pass. `combineTask` then
 * puts the parts together in a fixed order. D and Dv are multiples of 4, Dw too unless values are stored in fewer bits.
 *
 * ```text
 * arguments  of attention, and 38 parts, 39 floats of one part, 40 chunks there may be
 *            41 cursor, where offset and slots in use stand, or 0: then 13 and 16 are what it says
 * part       rows = Lq · H: maxima [rows] | totals [rows] | sums [rows, Dv]
 * scratch    queries times the scale [rows, D] | scores [rows, 128] | positions [128] | until [128]
 *            sums of the queries by blocks of 32 [rows, D / 32] | keys or values of one head in f32 [32, up to 32 more]
 *            what masks show [rows, 128]
 * ```
 */
export function decodeTask(task: i32, scratch: usize): void {
  readCursor();
  const chunks = int(40), b = task / chunks, chunk = task % chunks;
  const H = int(7), rows = int(6) * H, Dv = int(12);
  const j0 = chunk * Tile.chunk, count = min(Tile.chunk, int(13) - j0);
  if (count <= 0) return;
  const part = at(ptr(38), task * int(39));
  const scores = at(scratch, rows * int(8));
  const positions = at(scores, rows * Tile.chunk), until = at(positions, Tile.chunk), rest = at(until, Tile.chunk);

  const seen = chunkVisibility(b, j0, count), padded = (count + 3) & ~3;
  let masked = seen === PARTLY, shown: usize = 0;
  if (seen !== HIDDEN && (masked || isScored() || hasMask())) readKeys(b, j0, padded, positions, until);
  const answers = seen !== HIDDEN && hasMask() ? askAll(b, padded, positions, shownAt(rest)) : 1;
  if (seen === HIDDEN || !(answers & 1)) {
    for (let row = 0; row < rows; row++) store<f32>(at(part, row), -Infinity);
    return;
  }
  if (answers & 2) masked = true, shown = shownAt(rest);
  const heads = shown ? maskHeads() : 0;
  let careful = masked;
  scaleQueries(b, rows, scratch);
  dots(b, j0, count, scratch, scores, rest);
  for (let row = 0; row < rows; row++) {
    const line = at(scores, row * Tile.chunk);
    const line0 = shown ? at(shown, (heads > 1 ? row : row / H) * Tile.chunk) : 0;
    if (masked || isScored()) finishScores(line, padded, j0, b, row % H, row / H, queryPosition(b, row / H), positions, until, line0, masked);
    // a modifier may hide a key by itself
    if (!careful && hasScore()) careful = hasHidden(line, count);
    for (let l = count; l < padded; l++) store<f32>(at(line, l), -Infinity);
    weighRow(line, padded, at(part, row), at(part, rows + row));
  }
  const target = at(part, 2 * rows);
  memory.fill(target, 0, <usize>(rows * Dv) << 2);
  weightedSums(b, j0, count, scores, target, careful, rest);
}

/** Where the answers of the masks lie, behind what else is in the scratch memory. */
function shownAt(rest: usize): usize {
  const D = int(8), wide = max(D, int(12));
  return at(rest, int(6) * int(7) * ((D + 31) >> 5) + BLOCK * ((wide + 31) & ~31));
}

/** Asks the masks for every query, and for every head if they read it. */
function askAll(b: i32, count: i32, positions: usize, to: usize): i32 {
  const heads = maskHeads(), Lq = int(6);
  let answers = 0;
  for (let i = 0; i < Lq; i++)
    for (let h = 0; h < heads; h++) {
      answers |= ask(to, count, positions, queryPosition(b, i), b, h);
      to = at(to, Tile.chunk);
    }
  return answers;
}


/** Every thread of a job writes the same there. */
function readCursor(): void {
  if (ptr(41) === 0) return;
  const offset = load<i32>(ptr(41)), valid = max(0, min(int(9), load<i32>(ptr(41), 4)));
  const inOrder = ptr(26) === 0 && ptr(28) === 0 && int(14) !== 0;
  setInt(13, inOrder ? max(0, min(valid, max(offset + int(6), int(14) - 1))) : valid);
  setInt(16, offset);
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

/** Keys or values that are written out at a time: 32 rows stay in the nearest cache. */
const BLOCK: i32 = 32;

/** Whether stored rows can be multiplied as they are, instead of being written out first. */
// @ts-ignore: decorator
@inline function isDirect(format: i32, width: i32): bool {
  return format !== Format.f32 && !isOdd() && (width & 31) === 0;
}

/** Dot products of every query row with its keys, `scores[row][l]`. */
function dots(b: i32, j0: i32, count: i32, queries: usize, scores: usize, rest: usize): void {
  const H = int(7), Hkv = int(10), D = int(8), g = H / Hkv, Lq = int(6), format = int(32);
  const row = <usize>int(34), stride = row * <usize>Hkv;
  const k = keyRow(b, j0, 0), tile = at(rest, Lq * H * ((D + 31) >> 5));
  let from = 0;
  if (g * Lq === 1) {
    const part = count >> 2;
    if (format === Format.f32) streamScores(queries, k, stride, H, D, scores, part);
    else if (isDirect(format, D)) {
      if (format === Format.Q4_1) blockSums(queries, H * D, rest);
      storedScores(format, queries, k, stride, row, H, D, scores, part, rest);
    }
    if (format === Format.f32 || isDirect(format, D)) from = part << 2;
  }
  for (let kv = 0; kv < Hkv; kv++)
    for (let l = from; l < count; l += BLOCK) {
      const size = min(BLOCK, count - l), first = k + <usize>l * stride + <usize>kv * row;
      const at0 = format === Format.f32 ? first : writeOut(first, stride, tile, D, size, format);
      const step = format === Format.f32 ? stride : outStride(D);
      for (let i = 0; i < Lq; i++) {
        const query = i * H + kv * g;
        groupScores(at(queries, query * D), g, at0, step, at(scores, query * Tile.chunk + l), D, size);
      }
    }
}

function hasHidden(row: usize, count: i32): bool {
  for (let l = 0; l < count; l++) if (load<f32>(at(row, l)) === -Infinity) return true;
  return false;
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
function weightedSums(b: i32, j0: i32, count: i32, scores: usize, target: usize, masked: bool, rest: usize): void {
  const H = int(7), Hkv = int(10), Dw = int(11), Dv = int(12), g = H / Hkv, Lq = int(6), format = int(33);
  const row = <usize>int(35), stride = row * <usize>Hkv;
  const v = valueRow(b, j0, 0), tile = at(rest, Lq * H * ((int(8) + 31) >> 5));
  let from = 0;
  if (!masked && g * Lq === 1) {
    const part = count >> 2;
    if (format === Format.f32) streamSums(scores, v, stride, H, Dw, Dv, target, part);
    else if (isDirect(format, Dv)) storedSums(format, scores, v, stride, row, H, Dv, target, part);
    if (format === Format.f32 || isDirect(format, Dv)) from = part << 2;
  }
  for (let kv = 0; kv < Hkv; kv++)
    for (let l = from; l < count; l += BLOCK) {
      const size = min(BLOCK, count - l), first = v + <usize>l * stride + <usize>kv * row;
      const at0 = format === Format.f32 ? first : writeOut(first, stride, tile, Dv, size, format);
      const step = format === Format.f32 ? stride : outStride(Dv);
      for (let i = 0; i < Lq; i++) {
        const query = i * H + kv * g;
        groupSums(at(scores, query * Tile.chunk + l), g, at0, step, at(target, query * Dv), Dv, size, masked);
      }
    }
}

/** Four numbers of all parts, each times its weight: four parts in f32, those in f64, as many parts as there are. */
function joined(weights: usize, sums: usize, size: usize, chunks: i32): v128 {
  let low = f64x2.splat(0), high = low, w = weights, x = sums;
  for (let c = 0; c < chunks; ) {
    let four = f32x4.mul(v128.load32_splat(w), v128.load(x));
    w += size, x += size;
    const end = min((c & ~3) + 4, chunks);
    for (c++; c < end; c++, w += size, x += size) four = madd(v128.load32_splat(w), v128.load(x), four);
    low = f64x2.add(low, f64x2.promote_low_f32x4(four));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(four, four, 2, 3, 2, 3)));
  }
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/**
 * Puts the parts of one row of one query together; one (batch, row) a task.
 */
export function combineTask(task: i32): void {
  readCursor();
  const H = int(7), Lq = int(6), rows = Lq * H, Dv = int(12), chunks = (int(13) + Tile.chunk - 1) / Tile.chunk;
  const b = task / rows, row = task % rows;
  const i = row / H, h = row % H;
  const first = at(ptr(38), b * int(40) * int(39));
  const size = <usize>int(39) << 2;
  const sink: f32 = ptr(25) ? load<f32>(at(ptr(25), h)) * LOG2E : -Infinity;
  let m = sink;
  for (let c = 0; c < chunks; c++) m = max(m, load<f32>(at(first + <usize>c * size, row)));
  const out = at(ptr(3), task * Dv);
  let total: f64 = sink === -Infinity ? 0 : <f64>power(sink - m);
  // from here on the maximum of a part is its weight; one of weight 0 may have no sums
  for (let c = 0; c < chunks; c++) {
    const part = first + <usize>c * size, maximum = load<f32>(at(part, row));
    const w: f32 = maximum === -Infinity ? 0 : power(maximum - m);
    store<f32>(at(part, row), w);
    if (w !== 0) total += <f64>w * <f64>load<f32>(at(part, rows + row));
    else memory.fill(at(part, 2 * rows + row * Dv), 0, <usize>Dv << 2);
  }
  const scale: f32 = m === m ? (total === 0 ? 0 : <f32>(1 / total)) : NaN;
  const weights = at(first, row), sums = at(first, 2 * rows + row * Dv);
  for (let d = 0; d < Dv; d += 4) v128.store(at(out, d), f32x4.mul(splat(scale), joined(weights, at(sums, d), size, chunks)));
  if (ptr(4)) store<f32>(at(ptr(4), (b * H + h) * Lq + i), lseOf(m, total));
}

function power(x: f32): f32 {
  return f32x4.extract_lane(exp2Down(splat(x)), 0);
}
