import { Format } from './kernel-list';

/**
 * Weights stored in fewer bits. A panel holds 8 rows of the weight matrix, step of depth by step of depth:
 *
 * ```text
 * f32        [K][8] f32
 * f16, bf16  [K][8] 16 bits
 * Q8_0       blocks of 32 steps: 8 f16 scales, then [8][8][2] words of 16 bits            w = d · (q − 128)
 * Q4_0       blocks of 32 steps: 8 f16 scales, then [4][8][2] words of 16 bits            w = d · (q − 8)
 * Q4_1       blocks of 32 steps: 8 f16 scales, 8 f16 minima, then words as in Q4_0        w = d · q + m
 * ```
 *
 * The two words of a row hold 4 (or 8) successive steps, every other one each, the first in the lowest bits: a mask or
 * a shift leaves two successive steps side by side, as `dot_i16x8_s` multiplies them.
 */

/** Bytes of one panel of `depth` steps; the offset of step `depth` when it is a multiple of 32. */
export function panelBytes(format: i32, depth: i32): usize {
  const steps = <usize>depth;
  switch (format) {
    case Format.f32: return steps << 5;
    case Format.f16: return steps << 4;
    case Format.bf16: return steps << 4;
    case Format.Q8_0: return (steps >> 5) * 272;
    case Format.Q4_0: return (steps >> 5) * 144;
    default: return (steps >> 5) * 160;
  }
}

export function fromHalf(h: u32): f32 {
  // the exponent of f16 is 112 less: the product also gives numbers below 2^-14 their right value
  const magnitude = reinterpret<f32>((h & 0x7fff) << 13) * reinterpret<f32>(0x77800000);
  return reinterpret<f32>(reinterpret<u32>(magnitude) | ((h & 0x8000) << 16));
}

/** Rounds to the nearest f16, to even on ties; beyond 65504 to infinity. */
export function toHalf(x: f32): u32 {
  const bits = reinterpret<u32>(x);
  const sign = (bits >> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // below 2^-14: adding 0.5 leaves the f16 in the low bits, rounded by the hardware
    return sign | (reinterpret<u32>(reinterpret<f32>(magnitude) + 0.5) - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
}

export function toBrain(x: f32): u32 {
  const bits = reinterpret<u32>(x);
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/** Sign and mantissa of a shifted f16, and 2^112; in memory because V8 builds a constant vector anew at each use. */
const HALF: usize = memory.data<u32>([0x8fffffff, 0x77800000], 16);

/** The two constants of `fromHalvesWith`: a loop that loads them before it starts keeps them in registers. */
// @ts-ignore: decorator
@inline export function halfConstant(n: usize): v128 {
  return v128.load32_splat(HALF + (n << 2));
}

/** Four f16 (sign-extended to 32 bits) as f32; finite values only. */
// @ts-ignore: decorator
@inline export function fromHalvesWith(h: v128, mask: v128, scale: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(h, 13), mask), scale);
}

/** The same, once. */
// @ts-ignore: decorator
@inline export function fromHalves(h: v128): v128 {
  return fromHalvesWith(h, halfConstant(0), halfConstant(1));
}

/** The weight of row `row` at step `k` of a panel. */
export function weightAt(panel: usize, format: i32, k: i32, row: i32): f32 {
  const step = <usize>k;
  const r = <usize>row;
  if (format === Format.f32) return load<f32>(panel + (step << 5) + (r << 2));
  if (format === Format.f16) return fromHalf(load<u16>(panel + (step << 4) + (r << 1)));
  if (format === Format.bf16) return reinterpret<f32>((<u32>load<u16>(panel + (step << 4) + (r << 1))) << 16);
  const block = panel + panelBytes(format, k & ~31);
  const d = fromHalf(load<u16>(block + (r << 1)));
  const inside = step & 31;
  if (format === Format.Q8_0) return d * <f32>(<i32>load<u8>(block + 16 + byteAt(inside, r)) - 128);
  const byte = load<u8>(block + (format === Format.Q4_0 ? 16 : 32) + halfByteAt(inside, r));
  const q = inside & 2 ? byte >> 4 : byte & 15;
  if (format === Format.Q4_0) return d * <f32>(<i32>q - 8);
  return d * <f32>q + fromHalf(load<u16>(block + 16 + (r << 1)));
}

/** Which byte has step k of row r in a block of Q8_0. */
// @ts-ignore: decorator
@inline function byteAt(k: usize, r: usize): usize {
  return ((k >> 2) << 5) + (r << 2) + ((k & 1) << 1) + ((k >> 1) & 1);
}

/** Which byte has step k of row r in a block of Q4_0 or Q4_1: in its high half if k has the bit of 2. */
// @ts-ignore: decorator
@inline function halfByteAt(k: usize, r: usize): usize {
  return ((k >> 3) << 5) + (r << 2) + ((k & 1) << 1) + ((k >> 2) & 1);
}

/** The scale of a block from its smallest and its largest number and the one farthest from 0, as ggml chooses it. */
// @ts-ignore: decorator
@inline export function blockScale(format: i32, low: f32, high: f32, largest: f32): f32 {
  if (format === Format.Q8_0) return abs(largest) / 127;
  return format === Format.Q4_0 ? largest / -8 : (high - low) / 15;
}

/** The whole number that stands for x: with sign in Q8_0, 0 … 15 in Q4_0 and Q4_1. */
// @ts-ignore: decorator
@inline export function quantOf(format: i32, x: f32, inverse: f32, low: f32): i32 {
  if (format === Format.Q8_0) {
    const scaled = x * inverse;
    return <i32>(scaled < 0 ? ceil(scaled - 0.5) : floor(scaled + 0.5));
  }
  return min(15, <i32>(format === Format.Q4_0 ? x * inverse + 8.5 : (x - low) * inverse + 0.5));
}

/**
 * Quantizes 32 numbers of one row into a block as ggml does (quantize_row_q8_0_ref, …_q4_0_ref, …_q4_1_ref).
 * `source` steps by `stride` bytes.
 */
export function quantizeBlock(source: usize, stride: usize, block: usize, format: i32, row: i32): void {
  let low: f32 = Infinity, high: f32 = -Infinity, largest: f32 = 0;
  for (let k = 0; k < 32; k++) {
    const x = load<f32>(source + <usize>k * stride);
    low = min(low, x);
    high = max(high, x);
    if (abs(x) > abs(largest)) largest = x;
  }
  const d = blockScale(format, low, high, largest);
  const inverse: f32 = d !== 0 ? 1 / d : 0;
  const r = <usize>row;
  store<u16>(block + (r << 1), <u16>toHalf(d));
  if (format === Format.Q4_1) store<u16>(block + 16 + (r << 1), <u16>toHalf(low));
  const quants = block + (format === Format.Q4_1 ? 32 : 16);
  for (let k: usize = 0; k < 32; k++) {
    const x = load<f32>(source + k * stride);
    const q = quantOf(format, x, inverse, low);
    if (format === Format.Q8_0) store<u8>(quants + byteAt(k, r), <u8>(q + 128));
    else {
      const byte = quants + halfByteAt(k, r);
      store<u8>(byte, k & 2 ? load<u8>(byte) | (<u8>q << 4) : <u8>q);
    }
  }
}
