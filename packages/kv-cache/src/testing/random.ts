/** Whole numbers below `n`, the same on every platform and run (a 32-bit xorshift). */
export function randomIndex(seed: number): (n: number) => number {
  let state = (Math.imul(seed + 1, 0x9e3779b9) ^ 0x85ebca6b) | 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * n);
  };
}
