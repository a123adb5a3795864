/** A row in 8 bits: a whole number from −127 to 127 for each of its numbers, and a scale for each 32 of them. */
export interface EightBits {
  readonly quants: Int8Array;
  readonly scales: Float32Array;
}

/** Numbers that share a scale. */
const BLOCK = 32;
/** A block whose largest number is below counts as zeros: its inverse need not be finite. */
const LEAST = 2 ** -120;

/**
 * Rounds numbers as a device with `activations: 'int8'` rounds the rows that it multiplies with weights in blocks: of each 32, the
 * largest is 127 and the others are whole multiples of a 127th of it. This is the specification of those products:
 *
 * ```text
 * d = max |x| / 127      q = round(x · (127 / max |x|)), halves to even      each operation rounded to f32
 * y[o] = Σ_i w[o, i] · d[⌊i / 32⌋] · q[i]
 * ```
 *
 * It differs from the product with x by at most Σ over blocks of max |x| / 254 · Σ |w|. A block with a number that is not finite has
 * a scale of NaN. Never throws.
 *
 * @param x rows whose width is a multiple of 32
 * @see ggml's quantize_row_q8_0, which keeps the scale as f16
 */
export function toEightBits(x: Float32Array): EightBits {
  const quants = new Int8Array(x.length);
  const scales = new Float32Array(Math.ceil(x.length / BLOCK));
  for (let block = 0; block < scales.length; block++) {
    const numbers = x.subarray(block * BLOCK, (block + 1) * BLOCK);
    const most = numbers.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    if (!Number.isFinite(most)) scales[block] = NaN;
    else if (most >= LEAST) {
      const inverse = Math.fround(127 / most);
      scales[block] = most / 127;
      quants.set(
        numbers.map((value) => halfToEven(Math.fround(value * inverse))),
        block * BLOCK,
      );
    }
  }
  return { quants, scales };
}

function halfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
