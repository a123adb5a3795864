import { HIDDEN, isAnchor, keyRow, lastSeen, LOG2E, PARTLY, queryPosition, readKeys, segment, segmentStart, valueRow, visibility } from './attention';
import { at, giveSign, int, num, ptr } from './job';
import { Tile } from './kernel-list';
import { packWhole } from './matrix';
import { multiplyTile, ROWS, tileStrided } from './micro';
import { addWide, exp2Constant, exp2With, splat, tanh, wideSum } from './vector';

/** Queries of a block: as many as keys of a tile, since scores are computed transposed and turned. */
const BLOCK: i32 = Tile.keys;
/** Keys of a tile in whole groups of rows of the micro-kernel. */
const PADDED: i32 = ((Tile.keys + ROWS - 1) / ROWS) * ROWS;
/** Stands for +∞ as a log-sum-exp: the weight of a query that does not exist is as good as 0. */
const FAR: f32 = 1e30;

/**
 * What every score of a query needs on the way back: δ = dy · y − dlse, and the share of a learned sink. One head of one
 * sequence a task.
 *
 * ```text
 * arguments  of attention, and 44 δ [B, H, Lq], 50 sinks [B, H] or 0, 51 dy, 52 y, 53 dlse or 0
 * ```
 */
export function attentionDeltaTask(task: i32): void {
  const H = int(7), Lq = int(6), Dv = int(12), b = task / H, h = task % H;
  let sink: f64 = 0;
  for (let i = 0; i < Lq; i++) {
    const row = ((b * Lq + i) * H + h) * Dv, cell = task * Lq + i;
    const dy = at(ptr(51), row), y = at(ptr(52), row);
    let sum: f64 = ptr(53) ? -<f64>load<f32>(at(ptr(53), cell)) : 0;
    let products = f64x2.splat(0), d = 0;
    for (; d + 4 <= Dv; d += 4) products = addWide(products, f32x4.mul(v128.load(at(dy, d)), v128.load(at(y, d))));
    sum += wideSum(products);
    for (; d < Dv; d++) sum += <f64>load<f32>(at(dy, d)) * <f64>load<f32>(at(y, d));
    store<f32>(at(ptr(44), cell), <f32>sum);
    if (ptr(50)) sink -= sum * Math.exp(<f64>load<f32>(at(ptr(25), h)) - <f64>load<f32>(at(ptr(4), cell)));
  }
  if (ptr(50)) store<f32>(at(ptr(50), task), <f32>sink);
}

/**
 * The gradients of attention for one key head of one sequence a task: its keys, tile by tile, against all blocks of
 * queries of its group. Weights are computed again from the log-sum-exp (Dao et al. 2022, "FlashAttention", algorithm 4).
 *
 * ```text
 * arguments  of attention (4 is the log-sum-exp), and of each block of queries 38 q as panels of 8 rows [8][D][8],
 *            42 dy likewise, 39 dy as panels of 8 columns [⌈Dv/8⌉][64][8], 43 q likewise; 41 blocks;
 *            44 δ, 45 dq [B, H, 54, D up to 8], 46 dq, 47 dk, 48 dv, 49 slopes [B, H] or 0, 54 rows of 45
 * scratch    keys [groups][D][ROWS] | values [groups][Dv][ROWS] | keys [⌈D/8⌉][64][8] | weights [PADDED][64]
 *            | gradients of scores [PADDED][64] | the same turned | dk [PADDED][D up to 8] | dv [PADDED][Dv up to 8]
 *            | positions of keys [64] | until [64] | positions of queries [64] | lse [64] | δ [64]
 * ```
 *
 * A key or value that is not finite counts as 0: hidden ones must change nothing, and seen ones are in the log-sum-exp.
 */
export function attentionGradientTask(task: i32, scratch: usize): void {
  const Hkv = int(10), b = task / Hkv, g = task % Hkv, G = int(7) / Hkv, blocks = int(41), n = int(13);
  const D = int(8), Dv = int(12), Dp = (D + 7) & ~7, Wp = (Dv + 7) & ~7;
  const keys = scratch, values = at(keys, PADDED * D), columns = at(values, PADDED * Dv);
  const weights = at(columns, BLOCK * Dp), slopes = at(weights, PADDED * BLOCK), turned = at(slopes, PADDED * BLOCK);
  const dk = at(turned, PADDED * BLOCK), dv = at(dk, PADDED * Dp), positions = at(dv, PADDED * Wp);
  const until = at(positions, Tile.keys), queries = at(until, Tile.keys);

  memory.fill(at(turned, BLOCK * BLOCK), 0, <usize>((PADDED - BLOCK) * BLOCK) << 2);
  for (let h = g * G; h < (g + 1) * G; h++) {
    const head = b * int(7) + h;
    memory.fill(at(ptr(45), head * int(54) * Dp), 0, <usize>(int(54) * Dp) << 2);
    if (ptr(49)) store<f32>(at(ptr(49), head), 0);
  }
  for (let first = 0; first < n; first += Tile.keys) {
    const count = min(Tile.keys, n - first);
    packRows(keyRow(b, first, g), <usize>int(34) * <usize>Hkv, keys, D, count);
    packRows(valueRow(b, first, g), <usize>int(35) * <usize>Hkv, values, Dv, count);
    packColumns(keyRow(b, first, g), <usize>int(34) * <usize>Hkv, columns, D, count);
    memory.fill(dk, 0, <usize>(PADDED * (Dp + Wp)) << 2);
    readKeys(b, first, Tile.keys, positions, until);
    let kLow = i32.MAX_VALUE, kHigh = -1, holes = count < Tile.keys;
    for (let l = 0; l < count; l++) {
      const position = load<i32>(at(positions, l));
      if (position < 0) holes = true;
      else {
        kLow = min(kLow, position);
        kHigh = max(kHigh, position);
      }
    }
    for (let h = g * G; h < (g + 1) * G; h++)
      for (let block = 0; block < blocks; block++) {
        giveSign();
        const seen = readQueries(b, h, block, queries, kLow, kHigh, holes);
        if (seen === HIDDEN) continue;
        const panel = ((b * int(7) + h) * blocks + block) * BLOCK;
        for (let j = 0; j < PADDED; j += ROWS)
          for (let i = firstQuery(first + j, block * BLOCK); i < BLOCK; i += 8) {
            multiplyTile(ROWS, at(keys, j * D), at(ptr(38), (panel + i) * D), at(weights, j * BLOCK + i), D, BLOCK * 4, 0, 0);
            multiplyTile(ROWS, at(values, j * Dv), at(ptr(42), (panel + i) * Dv), at(slopes, j * BLOCK + i), Dv, BLOCK * 4, 0, 0);
          }
        bend(b, h, first, block * BLOCK, count, weights, slopes, positions, until, queries, seen === PARTLY);
        for (let j = 0; j < PADDED; j += ROWS) {
          const i = firstQuery(first + j, block * BLOCK), steps = BLOCK - i;
          for (let d = 0; d < Wp; d += 8)
            tileStrided(at(weights, j * BLOCK + i), at(ptr(39), panel * Wp + d * BLOCK + (i << 3)), at(dv, j * Wp + d), steps, <usize>Wp << 2, at(dv, j * Wp + d), <usize>Wp << 2);
          for (let d = 0; d < Dp; d += 8)
            tileStrided(at(slopes, j * BLOCK + i), at(ptr(43), panel * Dp + d * BLOCK + (i << 3)), at(dk, j * Dp + d), steps, <usize>Dp << 2, at(dk, j * Dp + d), <usize>Dp << 2);
        }
        turn(slopes, turned);
        const dq = at(ptr(45), ((b * int(7) + h) * int(54) + block * BLOCK) * Dp);
        for (let i = 0; i < PADDED; i += ROWS) {
          const steps = keysSeen(first, block * BLOCK + i + ROWS - 1);
          for (let d = 0; d < Dp; d += 8)
            tileStrided(at(turned, i * BLOCK), at(columns, d * BLOCK), at(dq, i * Dp + d), steps, <usize>Dp << 2, at(dq, i * Dp + d), <usize>Dp << 2);
        }
      }
    for (let l = 0; l < count; l++) {
      const row = (b * int(9) + first + l) * Hkv + g;
      memory.copy(at(ptr(47), row * D), at(dk, l * Dp), <usize>D << 2);
      memory.copy(at(ptr(48), row * int(11)), at(dv, l * Wp), <usize>Dv << 2);
    }
  }
  for (let h = g * G; h < (g + 1) * G; h++)
    for (let i = 0; i < int(6); i++)
      memory.copy(at(ptr(46), ((b * int(6) + i) * int(7) + h) * D), at(ptr(45), ((b * int(7) + h) * int(54) + i) * Dp), <usize>D << 2);
}

/** The first query of a block, by eights, that causality lets see a key: all from the first on where places are listed. */
// @ts-ignore: decorator
@inline function firstQuery(key: i32, start: i32): i32 {
  if (!int(14) || ptr(26) || ptr(28) || key <= int(14) - 2) return 0;
  return min(BLOCK, max(0, key - int(16) - start) & ~7);
}

/** How many keys of a tile causality lets a query see. */
// @ts-ignore: decorator
@inline function keysSeen(first: i32, query: i32): i32 {
  if (!int(14) || ptr(26) || ptr(28)) return BLOCK;
  return min(BLOCK, max(0, lastSeen(int(16) + query) + 1 - first));
}

// @ts-ignore: decorator
@inline function finite(x: f32): f32 {
  return x - x === 0 ? x : 0;
}

// @ts-ignore: decorator
@inline function finiteLanes(v: v128): v128 {
  return v128.and(v, f32x4.eq(f32x4.sub(v, v), splat(0)));
}

/** Rows as the left side of the micro-kernel reads them, `[groups][width][ROWS]`. */
function packRows(from: usize, stride: usize, target: usize, width: i32, count: i32): void {
  const whole = count - (count % ROWS);
  for (let j = 0; j < whole; j += ROWS) packWhole(from + <usize>j * stride, stride, at(target, j * width), width);
  for (let n = 0; n < (whole * width) & ~3; n += 4) v128.store(at(target, n), finiteLanes(v128.load(at(target, n))));
  for (let n = (whole * width) & ~3; n < whole * width; n++) store<f32>(at(target, n), finite(load<f32>(at(target, n))));
  for (let j = whole; j < PADDED; j++) {
    const row = from + <usize>j * stride;
    let to = at(target, (j / ROWS) * ROWS * width + (j % ROWS));
    for (let d = 0; d < width; d++) {
      store<f32>(to, j < count ? finite(load<f32>(at(row, d))) : 0);
      to += ROWS << 2;
    }
  }
}

/** Rows as panels of 8 columns, `[⌈width/8⌉][64][8]`. */
function packColumns(from: usize, stride: usize, target: usize, width: i32, count: i32): void {
  for (let d = 0; d < width; d += 8)
    for (let j = 0; j < BLOCK; j++) {
      const row = at(from + <usize>j * stride, d);
      if (j < count && d + 8 <= width) {
        v128.store(target, finiteLanes(v128.load(row)));
        v128.store(target, finiteLanes(v128.load(row, 16)), 16);
      } else for (let c = 0; c < 8; c++) store<f32>(at(target, c), j < count && d + c < width ? finite(load<f32>(at(row, c))) : 0);
      target += 32;
    }
}

/** Positions, log-sum-exp in base 2 and δ of a block of queries. @returns how they see the keys */
function readQueries(b: i32, h: i32, block: i32, queries: usize, kLow: i32, kHigh: i32, holes: bool): i32 {
  const Lq = int(6), first = block * BLOCK, count = min(BLOCK, Lq - first);
  const lse = at(queries, BLOCK), delta = at(lse, BLOCK), cell = (b * int(7) + h) * Lq + first;
  let qLow = i32.MAX_VALUE, qHigh = i32.MIN_VALUE;
  for (let l = 0; l < BLOCK; l++) {
    const real = l < count, position = queryPosition(b, first + min(l, count - 1));
    qLow = min(qLow, position);
    qHigh = max(qHigh, position);
    store<i32>(at(queries, l), position);
    store<f32>(at(lse, l), real ? load<f32>(at(ptr(4), cell + l)) * LOG2E : FAR);
    store<f32>(at(delta, l), real ? load<f32>(at(ptr(44), cell + l)) : 0);
  }
  return visibility(qLow, qHigh, kLow, kHigh, holes);
}

/**
 * Dot products q · k and dy · v, keys by queries, into weights and the gradients of the dot products.
 *
 * The many arguments are the places of one tile.
 */
function bend(b: i32, h: i32, first: i32, start: i32, count: i32, weights: usize, slopes: usize, positions: usize, until: usize, queries: usize, masked: bool): void {
  const cap = num(20), scale = splat(num(15)), inverse = splat(cap > 0 ? num(15) / cap : 0);
  const base = splat(cap > 0 ? cap * LOG2E : num(15) * LOG2E), one = splat(1);
  const slope: f32 = ptr(21) ? load<f32>(at(ptr(21), h)) * LOG2E : 0;
  const lowest = exp2Constant(0), magic = exp2Constant(1), c5 = exp2Constant(2), c4 = exp2Constant(3);
  const c3 = exp2Constant(4), c2 = exp2Constant(5), c1 = exp2Constant(6), c0 = exp2Constant(7);
  const lse = at(queries, BLOCK), delta = at(lse, BLOCK);
  // what is declared is read once: nothing that is stored below changes it
  const capped = cap > 0, sloped = ptr(21) !== 0, biased = ptr(22) !== 0, summed = ptr(49) !== 0;
  const simple = !capped && !sloped && !biased && !summed;
  let sum = splat(0), low = i32.MIN_VALUE, high = i32.MAX_VALUE;
  for (let j = 0; j < count; j++) {
    const position = load<i32>(at(positions, j)), k = i32x4.splat(position);
    if (masked) {
      low = firstSeeing(position);
      high = lastSeeing(position, load<i32>(at(until, j)));
    }
    const from = firstQuery(first + (j / ROWS) * ROWS, start), lows = i32x4.splat(low), highs = i32x4.splat(high);
    if (from > 0) {
      memory.fill(at(weights, j * BLOCK), 0, <usize>from << 2);
      memory.fill(at(slopes, j * BLOCK), 0, <usize>from << 2);
    }
    if (simple) {
      if (masked) bendRow(true, at(weights, j * BLOCK), at(slopes, j * BLOCK), queries, from, base, scale, lows, highs);
      else bendRow(false, at(weights, j * BLOCK), at(slopes, j * BLOCK), queries, from, base, scale, lows, highs);
      continue;
    }
    for (let l = from; l < BLOCK; l += 4) {
      const place = at(weights, j * BLOCK + l), back = at(slopes, j * BLOCK + l);
      let s = v128.load(place), factor = one;
      if (capped) {
        s = tanh(f32x4.mul(s, inverse));
        factor = f32x4.sub(one, f32x4.mul(s, s));
      }
      s = f32x4.mul(s, base);
      const q = v128.load(at(queries, l));
      const apart = f32x4.convert_i32x4_s(i32x4.abs(i32x4.sub(q, k)));
      if (sloped) s = f32x4.sub(s, f32x4.mul(splat(slope), apart));
      let hide = splat(0);
      if (biased) {
        const more = biasAt(b, h, first + j, start + l);
        s = f32x4.add(s, f32x4.mul(more, splat(LOG2E)));
        hide = f32x4.eq(more, splat(-Infinity));
      }
      if (masked) hide = v128.or(hide, v128.or(i32x4.lt_s(q, lows), i32x4.gt_s(q, highs)));
      const x = f32x4.sub(s, v128.load(at(lse, l)));
      // x − x keeps a NaN, which the exponential need not
      const w = f32x4.add(exp2With(x, lowest, magic, c5, c4, c3, c2, c1, c0), f32x4.sub(x, x));
      let ds = f32x4.mul(w, f32x4.sub(v128.load(back), v128.load(at(delta, l))));
      ds = v128.andnot(ds, hide);
      if (summed) sum = f32x4.sub(sum, f32x4.mul(ds, apart));
      if (capped) ds = f32x4.mul(ds, factor);
      v128.store(place, v128.andnot(w, hide));
      v128.store(back, f32x4.mul(ds, scale));
    }
  }
  if (count < PADDED) {
    memory.fill(at(weights, count * BLOCK), 0, <usize>((PADDED - count) * BLOCK) << 2);
    memory.fill(at(slopes, count * BLOCK), 0, <usize>((PADDED - count) * BLOCK) << 2);
  }
  if (!ptr(49)) return;
  const place = at(ptr(49), b * int(7) + h);
  const all = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
  store<f32>(place, load<f32>(place) + all);
}

/** One key where a score is its dot product, by `base`: the same as the loop of `bend` does, without what is not declared. */
// @ts-ignore: decorator
@inline function bendRow(masked: bool, weights: usize, slopes: usize, queries: usize, from: i32, base: v128, scale: v128, lows: v128, highs: v128): void {
  const lowest = exp2Constant(0), magic = exp2Constant(1), c5 = exp2Constant(2), c4 = exp2Constant(3);
  const c3 = exp2Constant(4), c2 = exp2Constant(5), c1 = exp2Constant(6), c0 = exp2Constant(7);
  const lse = at(queries, BLOCK), delta = at(lse, BLOCK);
  for (let l: usize = <usize>from << 2; l < <usize>BLOCK << 2; l += 16) {
    const x = f32x4.sub(f32x4.mul(v128.load(weights + l), base), v128.load(lse + l));
    let w = f32x4.add(exp2With(x, lowest, magic, c5, c4, c3, c2, c1, c0), f32x4.sub(x, x));
    let ds = f32x4.mul(w, f32x4.sub(v128.load(slopes + l), v128.load(delta + l)));
    if (masked) {
      const q = v128.load(queries + l), hide = v128.or(i32x4.lt_s(q, lows), i32x4.gt_s(q, highs));
      w = v128.andnot(w, hide);
      ds = v128.andnot(ds, hide);
    }
    v128.store(weights + l, w);
    v128.store(slopes + l, f32x4.mul(ds, scale));
  }
}

/** The bias of one key for four queries; of queries that do not exist that of the last one. */
function biasAt(b: i32, h: i32, j: i32, i: i32): v128 {
  const Lk = int(9), last = int(6) - 1;
  const row = at(ptr(22), b * int(23) + h * int(24) + j);
  let v = v128.load32_splat(at(row, min(i, last) * Lk));
  v = f32x4.replace_lane(v, 1, load<f32>(at(row, min(i + 1, last) * Lk)));
  v = f32x4.replace_lane(v, 2, load<f32>(at(row, min(i + 2, last) * Lk)));
  return f32x4.replace_lane(v, 3, load<f32>(at(row, min(i + 3, last) * Lk)));
}

/** The queries that see a key stand at one stretch of positions: the first of it, beyond all where there is no key. */
function firstSeeing(k: i32): i32 {
  if (k < 0) return i32.MAX_VALUE;
  let first = i32.MIN_VALUE;
  if (int(14) && k > int(14) - 2) first = k;
  if (k >= int(19)) first = max(first, k - int(18));
  if (segment() > 0 && !isAnchor(k)) first = max(first, segmentStart(k));
  return first;
}

/** The last of them. */
function lastSeeing(k: i32, until: i32): i32 {
  let last = i32.MAX_VALUE;
  if (k >= int(19)) last = k + int(17);
  if (segment() > 0 && !isAnchor(k)) last = min(last, segmentStart(k) + segment() - 1);
  return ptr(30) ? min(last, until) : last;
}

/** A block of 64 by 64, its rows as columns. */
function turn(from: usize, to: usize): void {
  for (let j = 0; j < BLOCK; j += 4)
    for (let i = 0; i < BLOCK; i += 4) {
      const source = at(from, j * BLOCK + i), target = at(to, i * BLOCK + j);
      const a = v128.load(source), b = v128.load(source, BLOCK * 4), c = v128.load(source, BLOCK * 8), d = v128.load(source, BLOCK * 12);
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      v128.store(target, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
      v128.store(target, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7), BLOCK * 4);
      v128.store(target, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), BLOCK * 8);
      v128.store(target, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7), BLOCK * 12);
    }
}
