import { checkOptions, SamplingError } from '../errors.ts';
import type { Random, RandomState } from './contract.ts';

/** Gives numbers somebody else drew: for replaying a run, for golden data, for a figure's slider. *
 * @throws {SamplingError} if a number is not in [0, 1); `next`, if all are used up.
 */
export function createReplay(uniforms: ArrayLike<number>): Random {
  checkOptions('replay', uniforms, 'the numbers to give');
  for (let i = 0; i < uniforms.length; i++) {
    const u = uniforms[i]!;
    if (!(u >= 0 && u < 1)) {
      throw new SamplingError('replay', `uniforms[${i}] must be in [0, 1), got ${u}`, { index: i, value: u });
    }
  }
  return new Replay(Float64Array.from(uniforms), 0);
}

/** Goes on with the numbers that a written-down replay had left. */
export function restoreReplay(state: RandomState): Random {
  return createReplay(state.words.map(Number));
}

class Replay implements Random {
  readonly #uniforms: Float64Array;
  #used: number;

  constructor(uniforms: Float64Array, used: number) {
    this.#uniforms = uniforms;
    this.#used = used;
  }

  next(): number {
    const u = this.#uniforms[this.#used];
    if (u === undefined) {
      throw new SamplingError(
        'replay',
        `all ${this.#uniforms.length} numbers are used up; give more of them`,
      );
    }
    this.#used++;
    return u;
  }

  clone(): Random {
    return new Replay(this.#uniforms, this.#used);
  }

  state(): RandomState {
    return { algorithm: 'replay', words: [...this.#uniforms.subarray(this.#used)] };
  }
}
