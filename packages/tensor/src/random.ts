/**
 * Reproducible whole numbers from 0 to 2^32 − 1, the same for a seed on every platform: for test inputs, weights to
 * measure with and orders to try. A 32-bit xorshift; what samples tokens has a better generator of its own. Never throws.
 *
 * ```text
 * x ^= x << 13; x ^= x >> 17; x ^= x << 5
 * ```
 *
 * @see Marsaglia 2003, "Xorshift RNGs", {@link https://doi.org/10.18637/jss.v008.i14}
 */
export function seededBits(seed: number): () => number {
  // seeds that lie side by side begin far apart, and no state is 0
  let state = (Math.imul(seed + 1, 0x9e3779b9) ^ 0x85ebca6b) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
