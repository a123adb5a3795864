import { fromHalf } from './half.ts';

/** Types of GGUF in which 32 or 256 numbers along a row share their scales. */
export type BlockType =
  | 'Q8_0'
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q2_K'
  | 'Q3_K'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'IQ4_NL'
  | 'MXFP4';

/** One type of block. */
interface Blocks {
  /** Numbers in a block. */
  readonly size: 32 | 256;
  readonly bytes: number;
  /** Writes the numbers of the block at byte `b` of `x` from `y[o]` on. */
  readonly widen: (x: Uint8Array, b: number, y: Float32Array, o: number) => void;
}

/**
 * How the blocks of ggml are laid out, and which numbers they stand for. Halves are little-endian f16; `q` is a whole
 * number of as many bits as the name says.
 *
 * ```text
 * Q8_0    f16 d, 32 signed bytes                                              x = d · q
 * Q4_0    f16 d, 16 bytes                                                     x = d · (q − 8)
 * Q4_1    f16 d, f16 m, 16 bytes                                              x = d · q + m
 * Q5_0    f16 d, 32 fifth bits, 16 bytes                                      x = d · (q − 16)
 * Q5_1    f16 d, f16 m, 32 fifth bits, 16 bytes                               x = d · q + m
 * IQ4_NL  f16 d, 16 bytes                                                     x = d · table[q]
 * MXFP4   a byte e, 16 bytes                                                  x = 2^(e − 128) · table[q]
 * Q2_K    16 bytes of scale and minimum, 64 bytes, f16 d, f16 dmin            x = d · scale · q − dmin · minimum
 * Q3_K    32 bytes of third bits, 64 bytes, 12 bytes of scales, f16 d         x = d · (scale − 32) · (q − 4)
 * Q4_K    f16 d, f16 dmin, 12 bytes of scales and minima, 128 bytes           x = d · scale · q − dmin · minimum
 * Q5_K    f16 d, f16 dmin, 12 bytes of both, 32 of fifth bits, 128 bytes      x = d · scale · q − dmin · minimum
 * Q6_K    128 bytes, 64 of upper bits, 16 signed scales, f16 d                x = d · scale · (q − 32)
 * ```
 *
 * Sums are rounded once to float32, as ggml rounds them.
 */
export const blockTypes: Readonly<Record<BlockType, Blocks>> = {
  Q8_0: {
    size: 32,
    bytes: 34,
    widen(x, b, y, o) {
      const d = half(x, b);
      for (let k = 0; k < 32; k++) y[o + k] = d * signed(x, b + 2 + k);
    },
  },
  Q4_0: {
    size: 32,
    bytes: 18,
    widen(x, b, y, o) {
      const d = half(x, b);
      for (let k = 0; k < 16; k++) {
        y[o + k] = d * (low(x, b + 2 + k) - 8);
        y[o + k + 16] = d * (high(x, b + 2 + k) - 8);
      }
    },
  },
  Q4_1: {
    size: 32,
    bytes: 20,
    widen(x, b, y, o) {
      const d = half(x, b);
      const m = half(x, b + 2);
      for (let k = 0; k < 16; k++) {
        y[o + k] = d * low(x, b + 4 + k) + m;
        y[o + k + 16] = d * high(x, b + 4 + k) + m;
      }
    },
  },
  Q5_0: {
    size: 32,
    bytes: 22,
    widen(x, b, y, o) {
      const d = half(x, b);
      for (let k = 0; k < 16; k++) {
        y[o + k] = d * ((low(x, b + 6 + k) | (bit(x, b + 2, k) << 4)) - 16);
        y[o + k + 16] = d * ((high(x, b + 6 + k) | (bit(x, b + 2, k + 16) << 4)) - 16);
      }
    },
  },
  Q5_1: {
    size: 32,
    bytes: 24,
    widen(x, b, y, o) {
      const d = half(x, b);
      const m = half(x, b + 2);
      for (let k = 0; k < 16; k++) {
        y[o + k] = d * (low(x, b + 8 + k) | (bit(x, b + 4, k) << 4)) + m;
        y[o + k + 16] = d * (high(x, b + 8 + k) | (bit(x, b + 4, k + 16) << 4)) + m;
      }
    },
  },
  IQ4_NL: {
    size: 32,
    bytes: 18,
    widen(x, b, y, o) {
      const d = half(x, b);
      for (let k = 0; k < 16; k++) {
        y[o + k] = d * nonLinear[low(x, b + 2 + k)]!;
        y[o + k + 16] = d * nonLinear[high(x, b + 2 + k)]!;
      }
    },
  },
  MXFP4: {
    size: 32,
    bytes: 17,
    widen(x, b, y, o) {
      const d = 2 ** (x[b]! - 128);
      for (let k = 0; k < 16; k++) {
        y[o + k] = d * microscaled[low(x, b + 1 + k)]!;
        y[o + k + 16] = d * microscaled[high(x, b + 1 + k)]!;
      }
    },
  },
  Q2_K: {
    size: 256,
    bytes: 84,
    widen(x, b, y, o) {
      const d = half(x, b + 80);
      const dmin = half(x, b + 82);
      // 16 groups of 16; of 128 numbers, every 32 share bytes, two bits each
      for (let g = 0; g < 16; g++) {
        const scale = d * low(x, b + g);
        const minimum = dmin * high(x, b + g);
        const first = b + 16 + (g >> 3) * 32 + (g & 1) * 16;
        const shift = ((g >> 1) & 3) * 2;
        for (let k = 0; k < 16; k++) y[o + g * 16 + k] = scale * ((x[first + k]! >> shift) & 3) - minimum;
      }
    },
  },
  Q3_K: {
    size: 256,
    bytes: 110,
    widen(x, b, y, o) {
      const d = half(x, b + 108);
      for (let g = 0; g < 16; g++) {
        const scales = b + 96;
        const lower = g < 8 ? low(x, scales + g) : high(x, scales + g - 8);
        const upper = (x[scales + 8 + (g & 3)]! >> ((g >> 2) * 2)) & 3;
        const scale = d * ((lower | (upper << 4)) - 32);
        const first = b + 32 + (g >> 3) * 32 + (g & 1) * 16;
        const third = b + (g & 1) * 16;
        const shift = ((g >> 1) & 3) * 2;
        for (let k = 0; k < 16; k++) {
          const q = ((x[first + k]! >> shift) & 3) | (((x[third + k]! >> (g >> 1)) & 1) << 2);
          y[o + g * 16 + k] = scale * (q - 4);
        }
      }
    },
  },
  Q4_K: {
    size: 256,
    bytes: 144,
    widen(x, b, y, o) {
      const d = half(x, b);
      const dmin = half(x, b + 2);
      // 8 groups of 32; two share 32 bytes
      for (let g = 0; g < 8; g++) {
        const scale = d * scaleOf(x, b + 4, g);
        const minimum = dmin * minimumOf(x, b + 4, g);
        const first = b + 16 + (g >> 1) * 32;
        const shift = (g & 1) * 4;
        for (let k = 0; k < 32; k++) y[o + g * 32 + k] = scale * ((x[first + k]! >> shift) & 15) - minimum;
      }
    },
  },
  Q5_K: {
    size: 256,
    bytes: 176,
    widen(x, b, y, o) {
      const d = half(x, b);
      const dmin = half(x, b + 2);
      for (let g = 0; g < 8; g++) {
        const scale = d * scaleOf(x, b + 4, g);
        const minimum = dmin * minimumOf(x, b + 4, g);
        const first = b + 48 + (g >> 1) * 32;
        const shift = (g & 1) * 4;
        for (let k = 0; k < 32; k++) {
          const q = ((x[first + k]! >> shift) & 15) | (((x[b + 16 + k]! >> g) & 1) << 4);
          y[o + g * 32 + k] = scale * q - minimum;
        }
      }
    },
  },
  Q6_K: {
    size: 256,
    bytes: 210,
    widen(x, b, y, o) {
      const d = half(x, b + 208);
      for (let g = 0; g < 16; g++) {
        const scale = d * signed(x, b + 192 + g);
        // of 128 numbers: 32 in low halves, 32 in the next low halves, then the high halves
        const quarter = (g >> 1) & 3;
        const lower = b + (g >> 3) * 64 + (quarter & 1) * 32 + (g & 1) * 16;
        const upper = b + 128 + (g >> 3) * 32 + (g & 1) * 16;
        const shift = (quarter >> 1) * 4;
        for (let k = 0; k < 16; k++) {
          const q = ((x[lower + k]! >> shift) & 15) | (((x[upper + k]! >> (quarter * 2)) & 3) << 4);
          y[o + g * 16 + k] = scale * (q - 32);
        }
      }
    },
  },
};

/** What the 16 values of IQ4_NL stand for. */
const nonLinear = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/**
 * Twice the 16 numbers of a float of one sign, two exponent bits and one of the mantissa (E2M1).
 * @see Open Compute Project 2023, "OCP Microscaling Formats (MX) Specification", section 5.3.3
 */
const microscaled = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** Whether a type is one of blocks. Never throws. */
export function isBlockType(type: string): type is BlockType {
  return Object.hasOwn(blockTypes, type);
}

/** The numbers of whole blocks. Never throws. */
export function widenBlocks(bytes: Uint8Array, type: BlockType): Float32Array {
  const { size, bytes: step } = blockTypes[type];
  const y = new Float32Array(Math.floor(bytes.length / step) * size);
  blocksInto(bytes, type, y);
  return y;
}

/** Writes the numbers of whole blocks, as many as there is room for. Never throws. */
export function blocksInto(bytes: Uint8Array, type: BlockType, target: Float32Array): void {
  const { size, bytes: step, widen } = blockTypes[type];
  for (let n = 0; n * size < target.length; n++) widen(bytes, n * step, target, n * size);
}

function half(x: Uint8Array, at: number): number {
  return fromHalf(x[at]! | (x[at + 1]! << 8));
}

function low(x: Uint8Array, at: number): number {
  return x[at]! & 15;
}

function high(x: Uint8Array, at: number): number {
  return x[at]! >> 4;
}

function signed(x: Uint8Array, at: number): number {
  return (x[at]! << 24) >> 24;
}

function bit(x: Uint8Array, at: number, n: number): number {
  return (x[at + (n >> 3)]! >> (n & 7)) & 1;
}

/** Scale `g` of the 8 of Q4_K and Q5_K: six bits each, the upper two of the last four apart. */
function scaleOf(x: Uint8Array, at: number, g: number): number {
  if (g < 4) return x[at + g]! & 63;
  return (x[at + g + 4]! & 15) | ((x[at + g - 4]! >> 6) << 4);
}

/** The minimum beside it. */
function minimumOf(x: Uint8Array, at: number, g: number): number {
  if (g < 4) return x[at + g + 4]! & 63;
  return (x[at + g + 4]! >> 4) | ((x[at + g]! >> 6) << 4);
}
