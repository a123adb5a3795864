import { seededBits } from '@headwise/tensor';

/** A reproducible stream of numbers in [0, 1): the order of rows and the test inputs come from it. */
export function createRandom(seed: number): () => number {
  const bits = seededBits(seed);
  return () => bits() / 2 ** 32;
}

/** A prime, so that rows of any width see the numbers at ever new places. */
const PERIOD = 1_048_573;
let noise: Float32Array | undefined;

/**
 * `length` reproducible numbers in [−scale, scale), from a place in a long list that the seed chooses: filling a cache
 * of a million numbers costs a copy, not a million draws.
 */
export function randomValues(length: number, seed: number, scale = 1): Float32Array {
  noise ??= drawNoise();
  const values = new Float32Array(length);
  let from = Math.floor(createRandom(seed)() * PERIOD);
  for (let at = 0; at < length; from = 0) {
    const run = Math.min(PERIOD - from, length - at);
    values.set(noise.subarray(from, from + run), at);
    at += run;
  }
  if (scale !== 1) for (let i = 0; i < length; i++) values[i]! *= scale;
  return values;
}

function drawNoise(): Float32Array {
  const next = createRandom(0);
  const values = new Float32Array(PERIOD);
  for (let i = 0; i < PERIOD; i++) values[i] = next() * 2 - 1;
  return values;
}

/** A shuffled copy (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}
