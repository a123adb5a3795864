/**
 * Where a sampler's chance comes from. Each sampler owns one, so two samplers never disturb each other; it can
 * be cloned, and written down and read back.
 */
export interface Random {
  /** The next uniform number in `[0, 1)`. @throws {SamplingError} if a replay has used up its numbers. */
  next(): number;
  /** An independent copy that goes on with the same numbers. Never throws. */
  clone(): Random;
  /** Plain JSON data from which {@link restoreRandom} goes on. Never throws. */
  state(): RandomState;
}

/** A generator as plain JSON data. */
export interface RandomState {
  /** `xoshiro128**`, `xorshift64*` or `replay`. */
  readonly algorithm: string;
  readonly words: readonly (number | string)[];
}
