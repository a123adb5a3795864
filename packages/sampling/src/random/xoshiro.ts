import { checkWhole, SamplingError } from '../errors.ts';
import type { Random, RandomState } from './contract.ts';

/**
 * xoshiro128**, the generator of this package: 128 bits of state, period `2^128 − 1`, passes BigCrush, and needs
 * nothing but 32-bit integer operations, which are exact on every JavaScript engine: the same seed gives the same
 * numbers in Node and in every browser. (`Math.random` cannot be seeded; 64-bit generators need slow `BigInt`s.)
 *
 * ```text
 * r = rotl(s1 · 5, 7) · 9;  t = s1 << 9
 * s2 ^= s0; s3 ^= s1; s1 ^= s2; s0 ^= s3; s2 ^= t; s3 = rotl(s3, 11)
 * u = (r_a >>> 5) · 2^26 + (r_b >>> 6), over 2^53      two outputs make one 53-bit uniform number
 * ```
 *
 * @see Blackman and Vigna 2021, "Scrambled Linear Pseudorandom Number Generators",
 * {@link https://arxiv.org/abs/1805.01407}; the seed is spread by SplitMix32 (Steele et al. 2014).
 * @param seed a whole number from 0 to 2^53 − 1.
 * @throws {SamplingError} if `seed` is another.
 */
export function createRandom(seed: number): Random {
  checkWhole('random', 'seed', seed, 0, 'a seed is a whole number from 0 to 2^53 − 1');
  let mixed = (seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b9);
  const word = () => {
    mixed = (mixed + 0x9e3779b9) | 0;
    let z = mixed;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  return new Xoshiro128(word(), word(), word(), word());
}

/** Goes on from a written-down xoshiro128** state. */
export function restoreXoshiro(state: RandomState): Random {
  const [a, b, c, d] = state.words;
  for (const word of [a, b, c, d]) checkWhole('random', 'a word of the state', word, 0);
  if (!a && !b && !c && !d) {
    throw new SamplingError(
      'random',
      'the state is all zeros, which xoshiro128** never leaves; seed it instead',
    );
  }
  return new Xoshiro128(a as number, b as number, c as number, d as number);
}

class Xoshiro128 implements Random {
  #s0: number;
  #s1: number;
  #s2: number;
  #s3: number;

  constructor(s0: number, s1: number, s2: number, s3: number) {
    this.#s0 = s0 | 0;
    this.#s1 = s1 | 0;
    this.#s2 = s2 | 0;
    this.#s3 = s3 | 0;
  }

  next(): number {
    const high = this.#word() >>> 5;
    return (high * 2 ** 26 + (this.#word() >>> 6)) / 2 ** 53;
  }

  clone(): Random {
    return new Xoshiro128(this.#s0, this.#s1, this.#s2, this.#s3);
  }

  state(): RandomState {
    return {
      algorithm: 'xoshiro128**',
      words: [this.#s0 >>> 0, this.#s1 >>> 0, this.#s2 >>> 0, this.#s3 >>> 0],
    };
  }

  #word(): number {
    const five = Math.imul(this.#s1, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9);
    const shifted = this.#s1 << 9;
    this.#s2 ^= this.#s0;
    this.#s3 ^= this.#s1;
    this.#s1 ^= this.#s2;
    this.#s0 ^= this.#s3;
    this.#s2 ^= shifted;
    this.#s3 = (this.#s3 << 11) | (this.#s3 >>> 21);
    return result;
  }
}
