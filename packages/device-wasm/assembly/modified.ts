import { keyPosition, queryPosition, readKeys, HIDDEN, visibility } from './attention';
import { at, giveSign, int, ptr } from './job';
import { Tile } from './kernel-list';
import { ROWS } from './micro';

/**
 * Modifiers of scores that a person wrote: functions of another module, which `src/modifiers` makes of their text and puts into
 * the table of this one. Argument 37 of attention is 0, or the address of
 *
 * ```text
 * 0 place of the score in the table, or 0   1 of the mask, or 0   2 whether the mask reads the head
 * 3 how tiles are seen or 0 (below), 4 its bytes from batch to batch, 5 from head to head   8 constants of both
 * ```
 *
 * How a group of ROWS queries sees a tile of keys is a byte: 8-key panels from (bits 4–6) to (bits 0–3, 0 where none is
 * seen), 128 where all of it is seen.
 */
export const ALL_SEEN: i32 = 128;
/** Nobody has looked yet. */
export const UNKNOWN: i32 = 15;

// @ts-ignore: decorator
@inline export function hasScore(): bool {
  return ptr(37) !== 0 && load<i32>(ptr(37)) !== 0;
}

// @ts-ignore: decorator
@inline export function hasMask(): bool {
  return ptr(37) !== 0 && load<i32>(ptr(37), 4) !== 0;
}

/** Heads that see differently: all, or 1. */
// @ts-ignore: decorator
@inline export function maskHeads(): i32 {
  return load<i32>(ptr(37), 8) ? int(7) : 1;
}

/** Gives `count` scores, a multiple of 4, to the modifiers, and multiplies what comes back: finite stays finite. */
export function modify(row: usize, count: i32, positions: usize, q: i32, b: i32, h: i32, factor: f32): void {
  call_indirect<void>(load<i32>(ptr(37)), row, count, positions, q, b, h, ptr(37) + 32, factor);
}

/** Asks the masks about `count` keys, a multiple of 4; all ones where a key is seen. @returns 1 some are | 2 some are not */
export function ask(to: usize, count: i32, positions: usize, q: i32, b: i32, h: i32): i32 {
  return call_indirect<i32>(load<i32>(ptr(37), 4), to, count, positions, q, b, h, ptr(37) + 32);
}

/** Address of what is known of the tiles of one group of queries. */
export function statesOf(b: i32, h: i32, group: i32): usize {
  return load<usize>(ptr(37), 12) + b * load<i32>(ptr(37), 16) + h * load<i32>(ptr(37), 20) + group * int(41);
}

/**
 * Asks the masks about the tiles of prefill of which nobody knows how they are seen; one (batch, head, tile) a task, of heads
 * and sequences that see differently.
 *
 * ```text
 * arguments  of prefill
 * scratch    positions of keys [64] | until [64] | one row [64] | some row [64]
 * ```
 */
export function maskTilesTask(task: i32, scratch: usize): void {
  const tiles = int(41), heads = maskHeads(), tile = task % tiles, rest = task / tiles;
  const b = rest / heads, h = rest % heads, Lq = int(6), j0 = tile * Tile.keys;
  const until = at(scratch, Tile.keys), row = at(until, Tile.keys), some = at(row, Tile.keys);
  const count = min(Tile.keys, int(13) - j0);
  readKeys(b, j0, Tile.keys, scratch, until);
  let kLow = i32.MAX_VALUE, kHigh = -1;
  for (let l = 0; l < count; l++) {
    const k = keyPosition(b, j0 + l);
    kLow = k < 0 ? kLow : min(kLow, k);
    kHigh = max(kHigh, k);
  }
  for (let group = 0, i = 0; i < Lq; group++, i += ROWS) {
    const state = statesOf(b, h, group) + tile;
    if (load<u8>(state) !== UNKNOWN) continue;
    giveSign();
    store<u8>(state, stateOf(b, h, i, min(ROWS, Lq - i), kLow, kHigh, scratch, row, some));
  }
}

function stateOf(b: i32, h: i32, first: i32, rows: i32, kLow: i32, kHigh: i32, positions: usize, row: usize, some: usize): i32 {
  let qLow = queryPosition(b, first), qHigh = qLow;
  for (let r = 1; r < rows; r++) {
    const q = queryPosition(b, first + r);
    qLow = min(qLow, q);
    qHigh = max(qHigh, q);
  }
  if (visibility(qLow, qHigh, kLow, kHigh, false) === HIDDEN) return 0;
  memory.fill(some, 0, Tile.keys * 4);
  let answers = 0;
  for (let r = 0; r < rows; r++) {
    answers |= ask(row, Tile.keys, positions, queryPosition(b, first + r), b, h);
    for (let l = 0; l < Tile.keys; l += 4) v128.store(at(some, l), v128.or(v128.load(at(some, l)), v128.load(at(row, l))));
  }
  if (!(answers & 2)) return ALL_SEEN | (Tile.keys >> 3);
  let from = 0, to: i32 = Tile.keys >> 3;
  while (to > 0 && !isSeen(some, to - 1)) to--;
  if (to === 0) return 0;
  while (!isSeen(some, from)) from++;
  return (from << 4) | to;
}

// @ts-ignore: decorator
@inline function isSeen(some: usize, panel: i32): bool {
  const p = some + (<usize>panel << 5);
  return v128.any_true(v128.or(v128.load(p), v128.load(p, 16)));
}
