import { finishScores, HIDDEN, isScored, isWindowed, keyPosition, lastSeen, LOG2E, PARTLY, queryPosition, queryScale, readKeys, segment, visibility } from './attention';
import { at, giveSign, int, ptr } from './job';
import { Tile } from './kernel-list';
import { packWhole } from './matrix';
import { multiplyTile, ROWS, tileStrided } from './micro';
import { ALL_SEEN, ask, hasMask, hasScore, maskHeads, statesOf } from './modified';
import { exp2Down, hasNaN, largestScore, madd, splat, weigh, weighSeen } from './vector';

/** Tiles whose weighted values are summed up before they join those of earlier tiles: long sums in f32 lose digits. */
const SPAN: i32 = 32;

/**
 * Attention for many queries: one task is 48 queries of one head, taken ROWS at a time (6 or 4) against tiles of 64 keys, with
 * the softmax kept up to date as larger scores come (Dao et al. 2022, "FlashAttention", algorithm 1; Milakov &
 * Gimelshein 2018). Tiles that no query sees are skipped, and of the others only the panels that are seen are
 * computed.
 *
 * ```text
 * arguments  of attention, and 38 keys, 39 values, 40 odd tiles, 41 tiles, 42 query blocks
 * scratch    queries packed [groups][D][ROWS] | sums [48][Dv up to 8] | scores [ROWS][64] | maxima [48] | totals f64 [48]
 *            positions of queries [48] | of keys [64] | until [64] | what masks show [64] | with more than SPAN tiles, sums of earlier ones [48][Dv up to 8]
 * ```
 */
export function prefillTask(task: i32, scratch: usize): void {
  const H = int(7), Lq = int(6), D = int(8), blocks = int(42);
  // with a causal mask the last block is the longest: it goes first
  const block = blocks - 1 - task / (H * int(5));
  const rest = task % (H * int(5));
  const b = rest / H, h = rest % H;
  const first = block * Tile.queries, rows = min(Tile.queries, Lq - first);
  const width = (int(12) + 7) & ~7;

  const queries = scratch;
  const sums = at(queries, Tile.queries * D);
  const scores = at(sums, Tile.queries * width);
  const maxima = at(scores, ROWS * Tile.keys);
  const totals = at(maxima, Tile.queries);
  const qPositions = at(totals, 2 * Tile.queries);
  const kPositions = at(qPositions, Tile.queries);
  const until = at(kPositions, Tile.keys);

  packQueries(b, h, first, rows, queries, qPositions);
  memory.fill(sums, 0, <usize>(Tile.queries * width) << 2);
  const sink: f32 = ptr(25) ? load<f32>(at(ptr(25), h)) * LOG2E : -Infinity;
  for (let row = 0; row < Tile.queries; row++) {
    store<f32>(at(maxima, row), sink);
    store<f64>(totals + (<usize>row << 3), sink === -Infinity ? 0 : 1);
  }
  const tiles = int(41), earlier = at(until, 2 * Tile.keys), size = Tile.queries * width;
  if (tiles > SPAN) memory.fill(earlier, 0, <usize>size << 2);
  for (let tile = 0; tile < tiles; tile++) {
    giveSign();
    if (tile > 0 && tile % SPAN === 0) {
      addTo(earlier, sums, size);
      memory.fill(sums, 0, <usize>size << 2);
    }
    tileOfKeys(b, h, first, rows, tile, scratch);
  }
  if (tiles > SPAN) addTo(sums, earlier, size);
  writeRows(b, h, first, rows, sums, width, maxima, totals);
}

function addTo(target: usize, from: usize, count: i32): void {
  for (let n = 0; n < count; n += 4) v128.store(at(target, n), f32x4.add(v128.load(at(target, n)), v128.load(at(from, n))));
}

/** Queries times the scale as `[group][D][ROWS]`; rows that do not exist are zeros at the last position. */
function packQueries(b: i32, h: i32, first: i32, rows: i32, target: usize, positions: usize): void {
  const H = int(7), D = int(8), scale = queryScale();
  const stride = <usize>(H * D) << 2;
  const q = at(ptr(0), ((b * int(6) + first) * H + h) * D);
  const whole = rows - (rows % ROWS), factor = splat(scale);
  for (let row = 0; row < whole; row += ROWS) packWhole(q + <usize>row * stride, stride, at(target, row * D), D);
  // the last four may reach into the next row, which is still to come
  for (let n = 0; n < whole * D; n += 4) v128.store(at(target, n), f32x4.mul(factor, v128.load(at(target, n))));
  for (let row = 0; row < Tile.queries; row++) {
    const real = row < rows;
    store<i32>(at(positions, row), queryPosition(b, first + min(row, rows - 1)));
    if (row < whole) continue;
    let to = at(target, (row / ROWS) * ROWS * D + (row % ROWS));
    let from = q + <usize>row * stride;
    for (let d = 0; d < D; d++) {
      store<f32>(to, real ? load<f32>(from) * scale : 0);
      to += ROWS * 4;
      from += 4;
    }
  }
}

// one tile of keys against all groups of queries; its many locals are the addresses of the scratch areas
function tileOfKeys(b: i32, h: i32, first: i32, rows: i32, tile: i32, scratch: usize): void {
  const D = int(8), n = int(13), width = (int(12) + 7) & ~7;
  const sums = at(scratch, Tile.queries * D);
  const scores = at(sums, Tile.queries * width);
  const maxima = at(scores, ROWS * Tile.keys);
  const totals = at(maxima, Tile.queries);
  const qPositions = at(totals, 2 * Tile.queries);
  const kPositions = at(qPositions, Tile.queries);
  const until = at(kPositions, Tile.keys);

  const j0 = tile * Tile.keys, listed = ptr(28) !== 0 || ptr(26) !== 0;
  const count = min(Tile.keys, n - j0);
  let kLow = j0, kHigh = j0 + count - 1, holes = count < Tile.keys;
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
  const scored = isScored(), earlier = tile >= SPAN ? at(until, 2 * Tile.keys) : 0, shown = at(until, Tile.keys);
  const asking = hasMask(), h0 = asking && maskHeads() > 1 ? h : 0;
  const plain = !scored && !listed && !isWindowed() && segment() === 0 && !ptr(30) && !asking;
  let read = false;
  const kv = (b * int(10) + h / (int(7) / int(10))) * int(41) + tile;
  const keys = ptr(38) + <usize>kv * <usize>(Tile.keys * D) * 4;
  const values = ptr(39) + <usize>kv * <usize>(Tile.keys * width) * 4;
  const odd = load<i32>(at(ptr(40), kv)) !== 0;

  for (let group = 0; group < rows; group += ROWS) {
    let qLow = load<i32>(at(qPositions, group)), qHigh = qLow;
    for (let row = 1; row < ROWS; row++) {
      const position = load<i32>(at(qPositions, group + row));
      qLow = min(qLow, position);
      qHigh = max(qHigh, position);
    }
    const seen = visibility(qLow, qHigh, kLow, kHigh, holes);
    if (seen === HIDDEN) continue;
    let from = 0, to: i32 = Tile.keys;
    if (!listed) {
      if (int(14)) to = min(to, (lastSeen(qHigh) + 1 - j0 + 7) & ~7);
      to = min(to, (count + 7) & ~7);
      if (j0 >= int(19)) from = max(0, qLow - int(17) - j0) & ~7;
    }
    let partly = false;
    if (asking) {
      const state = <i32>load<u8>(statesOf(b, h0, (first + group) / ROWS) + tile);
      from = max(from, (state & 0x70) >> 1);
      to = min(to, (state & 15) << 3);
      if (from >= to) continue;
      partly = !(state & ALL_SEEN);
    }
    const masked = seen === PARTLY || partly;
    if ((masked || scored) && !read) {
      readKeys(b, j0, Tile.keys, kPositions, until);
      read = true;
    }
    const q = at(scratch, group * D);
    for (let j = from; j < to; j += 8) multiplyTile(ROWS, q, keys + <usize>(j * D) * 4, at(scores, j), D, Tile.keys * 4, 0, 0);
    if (masked || scored)
      for (let row = 0; row < min(ROWS, rows - group); row++) {
        const q = load<i32>(at(qPositions, group + row));
        // where only causality hides, and a score is its dot product, what lies before is as it should be
        const start = plain ? min(to, max(from, (min(lastSeen(q), j0 + count - 1) + 1 - j0) & ~3)) : from;
        if (partly) ask(shown, to - from, at(kPositions, from), q, b, h);
        finishScores(at(scores, row * Tile.keys + start), to - start, j0 + start, b, h, first + group + row, q, at(kPositions, start), at(until, start), partly ? shown : 0, masked);
      }
    for (let row = 0; row < ROWS; row++)
      softmaxRow(at(scores, row * Tile.keys + from), to - from, at(maxima, group + row), totals + (<usize>(group + row) << 3), at(sums, (group + row) * width), earlier ? at(earlier, (group + row) * width) : 0, width, masked || hasScore());
    const target = at(sums, group * width);
    if (odd && (masked || hasScore())) carefulSums(scores, from, to, values, target, width);
    else
      for (let d = 0; d < width; d += 8)
        tileStrided(at(scores, from), values + <usize>(d * Tile.keys + from * 8) * 4, at(target, d), to - from, <usize>width << 2, at(target, d), <usize>width << 2);
  }
}

/** Scores of one row into weights; when a larger score came, what was summed so far shrinks. */
function softmaxRow(row: usize, count: i32, maximum: usize, total: usize, sums: usize, earlier: usize, width: i32, masked: bool): void {
  const before = load<f32>(maximum);
  const top = largestScore(row, count);
  const m = before > top ? before : top;
  if (m === -Infinity) {
    if (hasNaN(row, count)) store<f64>(total, NaN);
    memory.fill(row, 0, <usize>count << 2);
    return;
  }
  let sum = load<f64>(total);
  if (m !== before) {
    store<f32>(maximum, m);
    if (before !== -Infinity) {
      const shrink = exp2Down(splat(before - m));
      sum *= <f64>f32x4.extract_lane(shrink, 0);
      for (let d = 0; d < width; d += 4) v128.store(at(sums, d), f32x4.mul(shrink, v128.load(at(sums, d))));
      if (earlier) for (let d = 0; d < width; d += 4) v128.store(at(earlier, d), f32x4.mul(shrink, v128.load(at(earlier, d))));
    }
  }
  store<f64>(total, sum + <f64>(masked ? weighSeen(row, count, m) : weigh(row, count, m)));
}

/**
 * The weighted sum for a tile in which a value is NaN or infinite: a hidden key must not be multiplied by 0. In the
 * order of the micro-kernel, so that a number hidden behind a mask does not change the last bit.
 */
function carefulSums(scores: usize, from: i32, to: i32, values: usize, sums: usize, width: i32): void {
  for (let row = 0; row < ROWS; row++)
    for (let d = 0; d < width; d += 4) {
      let sum = splat(0);
      for (let j = from; j < to; j++) {
        const w = load<f32>(at(scores, row * Tile.keys + j));
        if (w !== 0) sum = madd(splat(w), v128.load(values + <usize>((d & ~7) * Tile.keys + j * 8 + (d & 4)) * 4), sum);
      }
      const target = at(sums, row * width + d);
      v128.store(target, f32x4.add(sum, v128.load(target)));
    }
}

function writeRows(b: i32, h: i32, first: i32, rows: i32, sums: usize, width: i32, maxima: usize, totals: usize): void {
  const H = int(7), Lq = int(6), Dv = int(12);
  for (let row = 0; row < rows; row++) {
    const m = load<f32>(at(maxima, row)), total = load<f64>(totals + (<usize>row << 3));
    const scale: f32 = m === m ? (total === 0 ? 0 : <f32>(1 / total)) : NaN;
    const from = at(sums, row * width);
    const to = at(ptr(3), ((b * Lq + first + row) * H + h) * Dv);
    let d = 0;
    for (; d + 4 <= Dv; d += 4) v128.store(at(to, d), f32x4.mul(splat(scale), v128.load(at(from, d))));
    for (; d < Dv; d++) store<f32>(at(to, d), scale * load<f32>(at(from, d)));
    if (ptr(4)) store<f32>(at(ptr(4), (b * H + h) * Lq + first + row), lseOf(m, total));
  }
}

/** Natural logarithm of the sum of exponentials, from a maximum in base 2 and a total. */
export function lseOf(m: f32, total: f64): f32 {
  return m === -Infinity && total === 0 ? -Infinity : <f32>((<f64>m + Math.log2(total)) * 0.6931471805599453);
}
