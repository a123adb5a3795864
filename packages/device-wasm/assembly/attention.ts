import { at, int, num, ptr } from './job';
import { hasScore, modify } from './modified';
import { loadRow } from './stored';
import { splat, tanh } from './vector';

/**
 * Arguments that all kernels of attention share, and the rule that turns dot products into scores.
 *
 * ```text
 * 0 q [B, Lq, H, D]   1 k [B, Lk, Hkv, D]   2 v [B, Lk, Hkv, Dw]   3 out [B, Lq, H, Dv]   4 lse [B, H, Lq] or 0
 * 5 B  6 Lq  7 H  8 D  9 Lk  10 Hkv  11 Dw  12 Dv  13 keys that may be seen, from the first
 * 14 causal: 0, or 1 + prefix  15 scale  16 offset  17 before  18 after  19 sinkTokens  20 softcap
 * 21 slopes or 0   22 bias or 0, 23 its floats from batch to batch, 24 from head to head   25 sinks or 0
 * 26 query positions or 0, 27 from batch to batch   28, 29 the same of keys   30, 31 the same of keyUntil
 * 32 format of keys   33 of values   34 bytes of one key of one head   35 of one value
 * 36 flags: 1 some of them are not finite, 2 anchors are seen from later segments; from 4 on tokens of a segment (times 4), or 0
 * 37 modifiers (modified.ts) or 0
 * ```
 *
 * Scores are kept in base 2 (times log2 e): 2^x is the cheaper exponential.
 */
export const LOG2E: f32 = 1.4426950408889634;

// @ts-ignore: decorator
@inline export function queryPosition(b: i32, i: i32): i32 {
  return ptr(26) ? load<i32>(at(ptr(26), b * int(27) + i)) : int(16) + i;
}

// @ts-ignore: decorator
@inline export function keyPosition(b: i32, j: i32): i32 {
  return ptr(28) ? load<i32>(at(ptr(28), b * int(29) + j)) : j;
}

/** Address of key j of one head; its numbers are stored in the format of argument 32. */
// @ts-ignore: decorator
@inline export function keyRow(b: i32, j: i32, head: i32): usize {
  return ptr(1) + <usize>((b * int(9) + j) * int(10) + head) * <usize>int(34);
}

/** Address of value j of one head; argument 33 is its format. */
// @ts-ignore: decorator
@inline export function valueRow(b: i32, j: i32, head: i32): usize {
  return ptr(2) + <usize>((b * int(9) + j) * int(10) + head) * <usize>int(35);
}

/** Bytes from row to row where `writeOut` writes. */
// @ts-ignore: decorator
@inline export function outStride(width: i32): usize {
  return <usize>((width + 31) & ~31) << 2;
}

/** Some stored rows of one head as f32. @returns where they are */
export function writeOut(first: usize, stride: usize, tile: usize, width: i32, size: i32, format: i32): usize {
  for (let l = 0; l < size; l++) loadRow(first + <usize>l * stride, tile + <usize>l * outStride(width), width, format, isOdd());
  return tile;
}

/** What multiplies q: base 2 from the start, unless the softcap or a modifier has to see the score first. */
// @ts-ignore: decorator
@inline export function queryScale(): f32 {
  return num(20) > 0 || hasScore() ? num(15) : num(15) * LOG2E;
}

/** Softcap, slopes or a bias table. */
// @ts-ignore: decorator
@inline function hasParts(): bool {
  return num(20) > 0 || ptr(21) !== 0 || ptr(22) !== 0;
}

/** Scores are more than scaled dot products. */
// @ts-ignore: decorator
@inline export function isScored(): bool {
  return hasParts() || hasScore();
}

/** Last position that causality lets a query see. */
// @ts-ignore: decorator
@inline export function lastSeen(q: i32): i32 {
  return int(14) ? max(q, int(14) - 2) : i32.MAX_VALUE;
}

/** A window beyond any position, as ops/attention.ts has it. */
const UNBOUNDED: i32 = 1 << 30;

/** Some distance hides keys. */
// @ts-ignore: decorator
@inline export function isWindowed(): bool {
  return int(17) < UNBOUNDED || int(18) < UNBOUNDED;
}

/** Some stored key or value is not finite. */
// @ts-ignore: decorator
@inline export function isOdd(): bool {
  return (int(36) & 1) !== 0;
}

/** Tokens of a segment; 0 for none. */
// @ts-ignore: decorator
@inline export function segment(): i32 {
  return int(36) >> 2;
}

/** First position of the segment of a query; nobody (−1) has a segment of its own, before all others. */
// @ts-ignore: decorator
@inline export function segmentStart(q: i32): i32 {
  return q < 0 ? -segment() : q - (q % segment());
}

/** Whether a key is seen as an anchor, from every later segment. */
// @ts-ignore: decorator
@inline export function isAnchor(k: i32): bool {
  return (int(36) & 2) !== 0 && k % segment() === segment() - 1;
}

/** How a tile of keys is seen by some queries. */
export const HIDDEN: i32 = 0;
export const PARTLY: i32 = 1;
export const WHOLLY: i32 = 2;

/**
 * How queries at positions `qLow … qHigh` see keys at positions `kLow … kHigh`, of which `holes` says whether some
 * do not exist (an empty slot, a number beyond the last key).
 */
export function visibility(qLow: i32, qHigh: i32, kLow: i32, kHigh: i32, holes: bool): i32 {
  const before = int(17), after = int(18), sinkTokens = int(19);
  if (kLow > kHigh || kLow > lastSeen(qHigh)) return HIDDEN;
  if (kLow >= sinkTokens && (qLow - kHigh > before || kLow - qHigh > after)) return HIDDEN;
  if (segment() > 0) {
    const anchors = (int(36) & 2) !== 0, first = segmentStart(qLow), last = segmentStart(qHigh) + segment() - 1;
    if (!anchors && (kLow > last || kHigh < first)) return HIDDEN;
    if (kLow < segmentStart(qHigh) || kHigh >= first + segment()) return PARTLY;
  }
  const inWindow = (qHigh - kLow <= before && kHigh - qLow <= after) || kHigh < sinkTokens;
  if (holes || ptr(30) || ptr(22) || kHigh > lastSeen(qLow) || !inWindow) return PARTLY;
  return WHOLLY;
}

/**
 * Positions of the keys `first … first + count − 1` into `positions`, and keyUntil into `until`; −1 where there is
 * no key.
 */
export function readKeys(b: i32, first: i32, count: i32, positions: usize, until: usize): void {
  const n = int(13);
  if (ptr(28) === 0 && ptr(30) === 0 && (count & 3) === 0 && first + count <= n) {
    let four = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
    for (const end = at(positions, count); positions < end; positions += 16) {
      v128.store(positions, four);
      four = i32x4.add(four, i32x4.splat(4));
    }
    return;
  }
  for (let l = 0; l < count; l++) {
    const j = first + l;
    store<i32>(at(positions, l), j < n ? keyPosition(b, j) : -1);
    if (ptr(30)) store<i32>(at(until, l), j < n ? load<i32>(at(ptr(30), b * int(31) + j)) : -1);
  }
}

/**
 * Turns one row of dot products into scores in base 2.
 *
 * @param row `count` numbers, a multiple of 4, for the keys `first …`
 * @param positions of these keys, and `until`, as `readKeys` left them
 * @param shown 0, or all ones where the masks show a key
 * @param masked whether some key may be hidden: those become −∞
 */
export function finishScores(row: usize, count: i32, first: i32, b: i32, h: i32, i: i32, qPosition: i32, positions: usize, until: usize, shown: usize, masked: bool): void {
  if (!hasScore()) return finish(row, count, first, b, h, i, qPosition, positions, until, shown, true, masked, LOG2E);
  if (hasParts()) finish(row, count, first, b, h, i, qPosition, positions, until, shown, true, false, 1);
  modify(row, count, positions, qPosition, b, h, LOG2E);
  if (masked || ptr(22)) finish(row, count, first, b, h, i, qPosition, positions, until, shown, false, masked, LOG2E);
}

/** @param adding whether softcap, slopes and bias are to be added, times `base`, and not only what they hide */
function finish(row: usize, count: i32, first: i32, b: i32, h: i32, i: i32, qPosition: i32, positions: usize, until: usize, shown: usize, adding: bool, masked: bool, base: f32): void {
  const cap: f32 = adding ? num(20) : 0, slope: f32 = adding && ptr(21) ? load<f32>(at(ptr(21), h)) * base : 0;
  const q = i32x4.splat(qPosition);
  const bias = ptr(22) ? at(ptr(22), b * int(23) + h * int(24) + i * int(9) + first) : 0;
  const biased = bias ? min(count, int(9) - first) : 0;
  // what hides keys from this query is read once: nothing that is stored below changes it
  const last = i32x4.splat(lastSeen(qPosition)), nowhere = i32x4.splat(0), windowed = isWindowed();
  const oldest = i32x4.splat(qPosition - int(17)), newest = i32x4.splat(qPosition + int(18)), sinkTokens = i32x4.splat(int(19));
  const apart = segment() > 0, ending = ptr(30) !== 0;
  for (let l = 0; l < count; l += 4) {
    let s = v128.load(at(row, l));
    const k = v128.load(at(positions, l));
    if (cap > 0) s = f32x4.mul(tanh(f32x4.div(s, splat(cap))), splat(cap * base));
    const distance = i32x4.sub(q, k);
    if (slope !== 0) s = f32x4.sub(s, f32x4.mul(splat(slope), f32x4.convert_i32x4_s(i32x4.abs(distance))));
    if (l < biased) {
      const more = biasOf(at(bias, l), biased - l), none = splat(-Infinity);
      if (adding) s = f32x4.add(s, base === 1 ? more : inBase2(more));
      // whatever the key is, NaN too
      s = v128.bitselect(none, s, f32x4.eq(more, none));
    }
    if (masked) {
      let mask = v128.or(i32x4.lt_s(k, nowhere), i32x4.gt_s(k, last));
      if (windowed) mask = v128.or(mask, v128.and(v128.or(i32x4.lt_s(k, oldest), i32x4.gt_s(k, newest)), i32x4.ge_s(k, sinkTokens)));
      if (apart) mask = v128.or(mask, elsewhere(k, qPosition));
      if (ending) mask = v128.or(mask, i32x4.gt_s(q, v128.load(at(until, l))));
      if (shown) mask = v128.or(mask, v128.not(v128.load(at(shown, l))));
      s = v128.bitselect(splat(-Infinity), s, mask);
    }
    v128.store(at(row, l), s);
  }
}

/** A finite bias stays finite: tables hide keys with the least float too, and a row of nothing else is uniform. */
// @ts-ignore: decorator
@inline function inBase2(bias: v128): v128 {
  const limit = splat(f32.MAX_VALUE), least = splat(-f32.MAX_VALUE);
  const scaled = f32x4.mul(bias, splat(LOG2E));
  const finite = f32x4.pmin(limit, f32x4.pmax(least, scaled));
  return v128.bitselect(finite, bias, f32x4.lt(f32x4.abs(bias), splat(Infinity)));
}

function biasOf(from: usize, left: i32): v128 {
  if (left >= 4) return v128.load(from);
  let v = v128.load32_zero(from);
  if (left > 1) v = v128.load_lane<f32>(from, v, 1, 4);
  if (left > 2) v = v128.load_lane<f32>(from, v, 2, 8);
  return v;
}

/** Keys of another segment than the query's, but for anchors. */
function elsewhere(k: v128, q: i32): v128 {
  const start = segmentStart(q), size = segment();
  const outside = v128.or(i32x4.lt_s(k, i32x4.splat(start)), i32x4.ge_s(k, i32x4.splat(start + size)));
  if (!(int(36) & 2)) return outside;
  // exact up to 2^24, as all positions are
  const width = splat(<f32>size);
  const number = f32x4.floor(f32x4.div(f32x4.add(f32x4.convert_i32x4_s(k), splat(0.5)), width));
  const last = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(number, width), splat(<f32>(size - 1))));
  return v128.andnot(outside, i32x4.eq(k, last));
}
