import { ValueError } from '@headwise/tensor';

/**
 * Random numbers that are a function of their names: the seed, what they are for, the step and a place. Nothing is carried
 * from one to the next, so a run that is resumed draws what the undisturbed one draws, on every machine.
 *
 * Each word goes through the finalizer of MurmurHash3 (Appleby 2011), a bijection of 32 bits.
 *
 * @returns a whole number of 32 bits
 * @throws {ValueError} for a word that is no whole number from 0 to below 2^32.
 */
export function hash(...words: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const word of words) {
    if (!Number.isSafeInteger(word) || word < 0 || word >= 2 ** 32)
      throw new ValueError('hash', 'words', 'must be whole numbers from 0 to below 2^32', word);
    h = mixed(h ^ mixed((word + 0x9e3779b9) | 0));
  }
  return h >>> 0;
}

/** A number from 0 to below 1, of 32 bits. @throws {ValueError} as `hash`. */
export function uniform(...words: readonly number[]): number {
  return hash(...words) / 2 ** 32;
}

/** The `place`-th of many numbers of 32 bits of one key: fast, for dropout. Never throws. */
export function hashAt(key: number, place: number): number {
  return mixed(key ^ mixed((place + 0x9e3779b9) | 0)) >>> 0;
}

/**
 * The numbers below `length` in an order that only the words decide: Fisher & Yates 1938, as Durstenfeld 1964 wrote it.
 * @throws {ValueError} as `hash`.
 */
export function permutation(length: number, ...words: readonly number[]): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const key = hash(...words);
  for (let i = length - 1; i > 0; i--) {
    // 32 bits for at most 2^32 places: the bias is below length / 2^32
    const j = Math.floor((hashAt(key, i) / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function mixed(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
