import { int, ptr } from './job';
import { Format } from './kernel-list';

/**
 * Rows of 16-bit numbers, as a file has them, as panels of 8 outputs; one task makes one panel.
 *
 * ```text
 * arguments  0 source [rows, I], 1 panels, 2 rows, 3 I, 4 the exponent of what is not finite, 5 a word that becomes 1 then
 * panels     [⌈rows/8⌉][I][8] 16 bits; rows beyond the last are zeros
 * ```
 */
export function spreadTask(task: i32): void {
  const rows = int(2), I = int(3), first = task << 3, exponent = int(4);
  const source = ptr(0) + <usize>first * (<usize>I << 1), stride = <usize>I << 1;
  const panel = ptr(1) + <usize>task * (<usize>I << 4);
  const count = min(8, rows - first), whole = count === 8 ? I & ~7 : 0;
  let odd = whole > 0 && spreadEights(source, stride, panel, whole, <i16>exponent);
  for (let k = whole; k < I; k++)
    for (let row = 0; row < 8; row++) {
      const code: u32 = row < count ? load<u16>(source + <usize>row * stride + (<usize>k << 1)) : 0;
      odd = odd || (code & exponent) === exponent;
      store<u16>(panel + (<usize>k << 4) + (<usize>row << 1), <u16>code);
    }
  if (odd) store<i32>(ptr(5), 1);
}

/** Eight whole rows, eight numbers of each at a time. @returns whether one is not finite */
function spreadEights(p: usize, stride: usize, panel: usize, whole: i32, exponent: i16): bool {
  const mask = i16x8.splat(exponent), p4 = stride << 2;
  let odd = i16x8.splat(0);
  for (const end = p + (<usize>whole << 1); p < end; p += 16) {
    const q = p + p4;
    const a = v128.load(p), b = v128.load(p + stride), c = v128.load(p + 2 * stride), d = v128.load(p + 3 * stride);
    const e = v128.load(q), f = v128.load(q + stride), g = v128.load(q + 2 * stride), h = v128.load(q + 3 * stride);
    const ab = v128.or(extremes(a, mask), extremes(b, mask)), cd = v128.or(extremes(c, mask), extremes(d, mask));
    const ef = v128.or(extremes(e, mask), extremes(f, mask)), gh = v128.or(extremes(g, mask), extremes(h, mask));
    odd = v128.or(odd, v128.or(v128.or(ab, cd), v128.or(ef, gh)));
    // pairs of rows, then fours, then all eight
    const ab0 = low(a, b), ab1 = high(a, b), cd0 = low(c, d), cd1 = high(c, d);
    const ef0 = low(e, f), ef1 = high(e, f), gh0 = low(g, h), gh1 = high(g, h);
    storeColumns(v128.shuffle<i32>(ab0, cd0, 0, 4, 1, 5), v128.shuffle<i32>(ef0, gh0, 0, 4, 1, 5), panel);
    storeColumns(v128.shuffle<i32>(ab0, cd0, 2, 6, 3, 7), v128.shuffle<i32>(ef0, gh0, 2, 6, 3, 7), panel + 32);
    storeColumns(v128.shuffle<i32>(ab1, cd1, 0, 4, 1, 5), v128.shuffle<i32>(ef1, gh1, 0, 4, 1, 5), panel + 64);
    storeColumns(v128.shuffle<i32>(ab1, cd1, 2, 6, 3, 7), v128.shuffle<i32>(ef1, gh1, 2, 6, 3, 7), panel + 96);
    panel += 128;
  }
  return v128.any_true(odd);
}

// @ts-ignore: decorator
@inline function extremes(x: v128, mask: v128): v128 {
  return i16x8.eq(v128.and(x, mask), mask);
}

// @ts-ignore: decorator
@inline function low(x: v128, y: v128): v128 {
  return v128.shuffle<i16>(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline function high(x: v128, y: v128): v128 {
  return v128.shuffle<i16>(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
}

// @ts-ignore: decorator
@inline function storeColumns(upper: v128, lower: v128, target: usize): void {
  v128.store(target, v128.shuffle<i64>(upper, lower, 0, 2));
  v128.store(target, v128.shuffle<i64>(upper, lower, 1, 3), 16);
}

/**
 * Rows of blocks of 32 numbers, as a GGUF file has them, as panels of 8 outputs; one task makes one panel. Layouts in
 * format.ts.
 *
 * ```text
 * arguments  0 source [rows, I / 32] blocks, 1 panels, 2 rows, 3 I, 4 the format, 5 a word that becomes 1 where a scale is not finite
 * panels     [⌈rows/8⌉][I / 32] blocks of 8 rows; rows beyond the last are zeros
 * ```
 */
export function spreadBlocksTask(task: i32): void {
  const rows = int(2), format = int(4), first = task << 3, perRow = int(3) >> 5;
  const header: usize = format === Format.Q4_1 ? 4 : 2, bytes = header + (format === Format.Q8_0 ? 32 : 16);
  const step = (header << 3) + (format === Format.Q8_0 ? 256 : 128), stride = bytes * <usize>perRow;
  const panel = ptr(1) + <usize>task * step * <usize>perRow;
  let odd = false;
  for (let row = 0; row < 8; row++) {
    let from = ptr(0) + <usize>(first + row) * stride, to = panel + (<usize>row << 1);
    if (first + row >= rows) {
      for (let n = 0; n < perRow; n++, to += step) clearRow(to, row, format, header);
      continue;
    }
    for (let n = 0; n < perRow; n++, from += bytes, to += step) {
      const d = load<u16>(from);
      odd = odd || (d & 0x7c00) === 0x7c00;
      store<u16>(to, d);
      if (format === Format.Q4_1) {
        const m = load<u16>(from, 2);
        odd = odd || (m & 0x7c00) === 0x7c00;
        store<u16>(to, m, 16);
      }
      const words = to + (header << 3) + (<usize>row << 1);
      if (format === Format.Q8_0) spreadBytes(from + 2, words);
      else spreadHalfBytes(from + header, words);
    }
  }
  if (odd) store<i32>(ptr(5), 1);
}

/** 32 signed bytes, which are kept with 128 added: of each four the inner two change places. */
// @ts-ignore: decorator
@inline function spreadBytes(from: usize, to: usize): void {
  for (let g: usize = 0; g < 8; g++) {
    const x = load<u32>(from + (g << 2)) ^ 0x80808080;
    store<u32>(to + (g << 5), (x & 0xff0000ff) | ((x >> 8) & 0xff00) | ((x << 8) & 0xff0000));
  }
}

/** 16 bytes: number k in the low half of byte k, number k + 16 in its high half. */
// @ts-ignore: decorator
@inline function spreadHalfBytes(from: usize, to: usize): void {
  const a = load<u64>(from), b = load<u64>(from, 8);
  store<u32>(to, eight(a));
  store<u32>(to, eight(b), 32);
  store<u32>(to, eight(a >> 4), 64);
  store<u32>(to, eight(b >> 4), 96);
}

/** Numbers 0 … 7 in the low halves of eight bytes as four bytes: 0|2, 4|6, 1|3, 5|7. */
// @ts-ignore: decorator
@inline function eight(x: u64): u32 {
  const low = x & 0x0f0f0f0f0f0f0f0f, two = low | (low >> 12);
  return <u32>((two & 0xff) | ((two >> 24) & 0xff00) | ((two << 8) & 0xff0000) | ((two >> 16) & 0xff000000));
}

function clearRow(to: usize, row: i32, format: i32, header: usize): void {
  store<u16>(to, 0);
  if (format === Format.Q4_1) store<u16>(to, 0, 16);
  const words = to + (header << 3) + (<usize>row << 1);
  const groups: usize = format === Format.Q8_0 ? 8 : 4;
  for (let g: usize = 0; g < groups; g++) store<u32>(words + (g << 5), 0);
}
