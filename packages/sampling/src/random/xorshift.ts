import { SamplingError, show } from '../errors.ts';
import type { Random, RandomState } from './contract.ts';

/**
 * xorshift64*, the generator of llama2.c: replays its sampled runs token for token. Use {@link createRandom}
 * elsewhere; this one gives only 24 bits a number and works on `BigInt`s.
 *
 * ```text
 * x ^= x >> 12; x ^= x << 25; x ^= x >> 27;  u = ((x · 0x2545F4914F6CDD1D) >> 32 >> 8) / 2^24
 * ```
 *
 * @see Vigna 2016, "An experimental exploration of Marsaglia's xorshift generators, scrambled",
 * {@link https://arxiv.org/abs/1402.6246}; `random_f32` of karpathy/llama2.c.
 * @param seed a whole number from 1 to 2^64 − 1; it is the first state as it stands.
 * @throws {SamplingError} if `seed` is another.
 */
export function createXorshift(seed: number | bigint): Random {
  const whole = typeof seed === 'bigint' || Number.isSafeInteger(seed);
  if (!whole || BigInt(seed) < 1n || BigInt(seed) > 0xffff_ffff_ffff_ffffn) {
    throw new SamplingError(
      'random',
      `an xorshift64* seed must be a whole number from 1 to 2^64 − 1, got ${show(seed)}; 0 would give zeros for ever`,
      { seed },
    );
  }
  return new Xorshift64Star(BigInt(seed));
}

/** Goes on from a written-down xorshift64* state. @throws {SamplingError} if its word is no whole number. */
export function restoreXorshift(state: RandomState): Random {
  const [word] = state.words;
  // BigInt() reads more than this, and has errors of its own for the rest
  return createXorshift(/^\d{1,20}$/.test(String(word)) ? BigInt(word!) : Number.NaN);
}

class Xorshift64Star implements Random {
  #x: bigint;

  constructor(x: bigint) {
    this.#x = x;
  }

  next(): number {
    let x = this.#x;
    x ^= x >> 12n;
    x = BigInt.asUintN(64, x ^ (x << 25n));
    x ^= x >> 27n;
    this.#x = x;
    return Number(BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn) >> 40n) / 2 ** 24;
  }

  clone(): Random {
    return new Xorshift64Star(this.#x);
  }

  state(): RandomState {
    return { algorithm: 'xorshift64*', words: [this.#x.toString()] };
  }
}
