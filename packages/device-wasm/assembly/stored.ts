import { blockScale, fromHalf, fromHalves, quantOf, toBrain, toHalf } from './format';
import { at, int, ptr } from './job';
import { Format } from './kernel-list';
import { madd, splat } from './vector';

/**
 * Rows kept in fewer bits, one after the other: keys and values of a cache. A row of `width` numbers is
 *
 * ```text
 * f16, bf16  [width] 16 bits
 * Q8_0       ⌈width / 32⌉ blocks: f16 d, 32 signed bytes                      x = d · q
 * Q4_0       ⌈width / 32⌉ blocks: f16 d, 16 bytes                             x = d · (q − 8)
 * Q4_1       ⌈width / 32⌉ blocks: f16 d, f16 m, 16 bytes                      x = d · q + m
 * ```
 *
 * the blocks of GGUF; 16 bytes of four bits are numbers 0 … 15 in the low halves, 16 … 31 in the high ones. The last
 * block of a row may hold fewer than 32 numbers. A number that is not finite, or too large for its scale, makes
 * its whole block NaN; f16 keeps infinities. Buffers that hold such a number are `odd` and read with more care.
 */

/** Bytes of one block of 32 numbers. */
export function blockBytes(format: i32): usize {
  return format === Format.Q8_0 ? 34 : format === Format.Q4_0 ? 18 : 20;
}

const NAN_HALF: u32 = 0x7e00;

// @ts-ignore: decorator
@inline function isExtreme(h: u32): bool {
  return (h & 0x7c00) === 0x7c00;
}

/** f16 as f32, infinity and NaN too. */
function exactHalf(h: u32): f32 {
  if (!isExtreme(h)) return fromHalf(h);
  return reinterpret<f32>(0x7f800000 | ((h & 0x8000) << 16) | ((h & 0x3ff) << 13));
}

/** Rounds one row as ggml rounds. @returns whether it holds something that is not finite */
function storeRow(source: usize, row: usize, width: i32, format: i32): bool {
  let odd = false;
  if (format === Format.f16 || format === Format.bf16) {
    for (let d: i32 = 0; d < width; d++) {
      const x = load<f32>(at(source, d));
      const h: u32 = format === Format.f16 ? (x === x ? toHalf(x) : NAN_HALF) : x === x ? toBrain(x) : 0x7fc0;
      odd = odd || (format === Format.f16 && isExtreme(h));
      store<u16>(row + ((<usize>d) << 1), <u16>h);
    }
    return odd;
  }
  for (let d = 0; d < width; d += 32) {
    odd = storeBlock(at(source, d), row, min(32, width - d), format) || odd;
    row += blockBytes(format);
  }
  return odd;
}

/** quantize_row_q8_0_ref, …_q4_0_ref, …_q4_1_ref of ggml over `count` numbers. */
function storeBlock(source: usize, block: usize, count: i32, format: i32): bool {
  let low: f32 = Infinity, high: f32 = -Infinity, largest: f32 = 0, trace: f32 = 0;
  for (let k = 0; k < count; k++) {
    const x = load<f32>(at(source, k));
    trace += x - x; // NaN from the first number that is not finite
    low = min(low, x);
    high = max(high, x);
    if (abs(x) > abs(largest)) largest = x;
  }
  const d = blockScale(format, low, high, largest);
  const offset: f32 = format === Format.Q4_1 ? low : 0;
  const scale = toHalf(d), minimum = toHalf(offset);
  memory.fill(block, 0, blockBytes(format));
  if (trace !== 0 || isExtreme(scale) || isExtreme(minimum)) {
    store<u16>(block, <u16>NAN_HALF);
    return true;
  }
  store<u16>(block, <u16>scale);
  if (format === Format.Q4_1) store<u16>(block, <u16>minimum, 2);
  const quants = block + (format === Format.Q4_1 ? 4 : 2);
  const inverse: f32 = d !== 0 ? 1 / d : 0;
  for (let k = 0; k < count; k++) {
    const x = load<f32>(at(source, k));
    const q = quantOf(format, x, inverse, offset);
    const cell = quants + <usize>(format === Format.Q8_0 ? k : k & 15);
    if (format === Format.Q8_0) store<i8>(cell, <i8>q);
    else store<u8>(cell, load<u8>(cell) | (<u8>q << <u8>(k & 16 ? 4 : 0)));
  }
  return false;
}

/** Number `d` of a row, exactly. */
export function storedAt(row: usize, d: i32, format: i32): f32 {
  if (format === Format.f32) return load<f32>(at(row, d));
  if (format === Format.f16) return exactHalf(load<u16>(row + ((<usize>d) << 1)));
  if (format === Format.bf16) return reinterpret<f32>((<u32>load<u16>(row + ((<usize>d) << 1))) << 16);
  const block = row + <usize>(d >> 5) * blockBytes(format), k = d & 31;
  const scale = exactHalf(load<u16>(block));
  if (format === Format.Q8_0) return scale * <f32>load<i8>(block + 2 + <usize>k);
  const byte = load<u8>(block + (format === Format.Q4_0 ? 2 : 4) + <usize>(k & 15));
  const q = <f32>(k & 16 ? byte >> 4 : byte & 15);
  return format === Format.Q4_0 ? scale * (q - 8) : scale * q + exactHalf(load<u16>(block, 2));
}

/** One row as f32; room for a multiple of 32 numbers is needed. `odd`: some of the buffer may not be finite. */
export function loadRow(row: usize, target: usize, width: i32, format: i32, odd: bool): void {
  let d = 0;
  if (format === Format.f32) return memory.copy(target, row, <usize>width << 2);
  if (!odd) {
    if (format === Format.f16)
      for (; d + 4 <= width; d += 4) v128.store(at(target, d), fromHalves(v128.load16x4_s(row + ((<usize>d) << 1))));
    else if (format === Format.bf16)
      for (; d + 4 <= width; d += 4) v128.store(at(target, d), i32x4.shl(v128.load16x4_u(row + ((<usize>d) << 1)), 16));
    else
      for (; d < width; d += 32) {
        loadBlock(row, at(target, d), format);
        row += blockBytes(format);
      }
  }
  for (; d < width; d++) store<f32>(at(target, d), storedAt(row, d, format));
}

function loadBlock(block: usize, target: usize, format: i32): void {
  const scale = fromHalves(i32x4.extend_low_i16x8_s(v128.load16_splat(block)));
  if (format === Format.Q8_0) {
    const zero = splat(0);
    eightAt(v128.load(block, 2), scale, zero, target);
    eightAt(v128.load(block, 18), scale, zero, target + 64);
    return;
  }
  const bytes = v128.load(block + (format === Format.Q4_0 ? 2 : 4));
  if (format !== Format.Q4_0) return fourBits(bytes, scale, fromHalves(i32x4.extend_low_i16x8_s(v128.load16_splat(block, 2))), target);
  fourBits(bytes, scale, f32x4.mul(scale, splat(-8)), target);
}

// @ts-ignore: decorator
@inline function fourBits(bytes: v128, scale: v128, minimum: v128, target: usize): void {
  eightAt(v128.and(bytes, i8x16.splat(15)), scale, minimum, target);
  eightAt(i8x16.shr_u(bytes, 4), scale, minimum, target + 64);
}

/** 16 signed bytes times the scale and plus the minimum. */
// @ts-ignore: decorator
@inline function eightAt(bytes: v128, scale: v128, minimum: v128, target: usize): void {
  const low = i16x8.extend_low_i8x16_s(bytes), high = i16x8.extend_high_i8x16_s(bytes);
  v128.store(target, madd(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), minimum));
  v128.store(target, madd(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), minimum), 16);
  v128.store(target, madd(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), minimum), 32);
  v128.store(target, madd(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), minimum), 48);
}

/**
 * Rounds rows of f32 into their stored form.
 *
 * ```text
 * arguments  0 source, 1 target, 2 rows, 3 width, 4 format, 5 rows a task, 6 bytes of a stored row,
 *            7 i32 that becomes 1 where something is not finite
 * ```
 */
export function storeRowsTask(task: i32): void {
  const width = int(3), end = min(int(2), (task + 1) * int(5));
  for (let row = task * int(5); row < end; row++)
    if (storeRow(ptr(0) + <usize>row * (<usize>width << 2), ptr(1) + <usize>row * <usize>int(6), width, int(4))) store<i32>(ptr(7), 1);
}

/** The way back; arguments as for storing with 0 the stored rows, 1 those of f32, 7 whether some are odd. */
export function loadRowsTask(task: i32, scratch: usize): void {
  const width = int(3), end = min(int(2), (task + 1) * int(5));
  for (let row = task * int(5); row < end; row++) {
    loadRow(ptr(0) + <usize>row * <usize>int(6), scratch, width, int(4), int(7) !== 0);
    memory.copy(ptr(1) + <usize>row * (<usize>width << 2), scratch, <usize>width << 2);
  }
}
