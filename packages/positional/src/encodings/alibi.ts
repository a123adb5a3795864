import { checkGiven, keep, type Tensor, tensor } from '@headwise/tensor';
import { must, mustBePositive, mustBeWhole } from '../checks.ts';
import { defineEncoding, type ScoreBias } from '../contract.ts';
import { PerDevice } from '../per-device.ts';

/** Options of ALiBi. */
export interface AlibiOptions {
  /** The exponent of the last slope, `2^−maxBias`. Default 8. */
  readonly maxBias?: number | undefined;
  /** `[H]`, instead of the paper's slopes. */
  readonly slopes?: readonly number[] | undefined;
}

/**
 * Attention with linear biases (ALiBi): a score loses `slope · distance`, with a slope of its own for each head.
 * No parameters, nothing added to embeddings, and sequences may be longer than any seen in training.
 *
 * ```text
 * score[h, i, j] −= slope[h] · |p_i − p_j|
 * slope[h] = 2^(−8 (h + 1)/H)                                h = 0 … H − 1, H a power of two
 * ```
 *
 * Other H: the slopes of the power of two c below, then every second slope of 2c. Attention takes the slopes as a
 * declared part, so no matrix is made, and positions may be any.
 *
 * @throws {ValueError} if `slopes` has not one number a head.
 * @see Press et al. 2021, "Train Short, Test Long: Attention with Linear Biases Enables Input Length
 * Extrapolation", section 3, {@link https://arxiv.org/abs/2108.12409}
 */
export const alibi = /* @__PURE__ */ defineEncoding(
  {
    name: 'alibi',
    title: 'Attention with linear biases (ALiBi)',
    kind: 'bias',
    summary: 'A score loses its distance times a slope of the head.',
    paper: {
      title: 'Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation',
      authors: 'Press et al.',
      year: 2021,
      arxiv: '2108.12409',
    },
  },
  { maxBias: 8, slopes: undefined },
  ({ maxBias = 8, slopes: given }: AlibiOptions): ScoreBias => {
    mustBePositive('alibi', 'maxBias', maxBias);
    must(given === undefined || Array.isArray(given), 'alibi', 'slopes', 'must be a list of numbers', given);
    given?.forEach((slope, h) => {
      must(
        Number.isFinite(slope) && slope >= 0,
        'alibi',
        `slopes[${h}]`,
        'must be a finite number ≥ 0',
        slope,
      );
    });
    const held = new PerDevice<SlopeTensors>();
    const slopesOf = (H: number): Float64Array => {
      if (!given) return alibiSlopes(H, maxBias);
      must(
        given.length === H,
        'alibi',
        'slopes',
        `must have one number for each of the H = ${H} heads`,
        given,
      );
      return Float64Array.from(given);
    };
    return {
      kind: 'bias',
      name: 'alibi',
      bias(device, H) {
        const onDevice = held.get(device, () => new SlopeTensors());
        return { slopes: onDevice.get(H, () => tensor<'H'>(device, Float32Array.from(slopesOf(H)), [H])) };
      },
      matrix: async (H, Lq, Lk, offset = 0) => alibiMatrix(slopesOf(H), Lq, Lk, offset),
      dispose: () => held.dispose(),
      [Symbol.dispose]: () => held.dispose(),
    };
  },
);

/**
 * `[H]` the slopes of the paper, in float64; heads beyond a power of two as its authors' code has them.
 *
 * @throws {ValueError} if H is no whole number ≥ 1, or `maxBias` not positive.
 */
export function alibiSlopes(H: number, maxBias = 8): Float64Array {
  mustBeWhole('alibi', 'H', H);
  mustBePositive('alibi', 'maxBias', maxBias);
  const c = 2 ** Math.floor(Math.log2(H)); // the largest power of two ≤ H
  return Float64Array.from({ length: H }, (_, h) =>
    h < c ? 2 ** ((-maxBias * (h + 1)) / c) : 2 ** ((-maxBias * (2 * (h - c) + 1)) / (2 * c)),
  );
}

/**
 * `[H, Lq, Lk]` −slope · |offset + i − j|, in float64.
 *
 * @throws {RangeError} if Lq or Lk is no size of an array.
 */
export function alibiMatrix(slopes: ArrayLike<number>, Lq: number, Lk: number, offset = 0): Float64Array {
  checkGiven('alibiMatrix', { slopes, Lq, Lk });
  const matrix = new Float64Array(slopes.length * Lq * Lk);
  for (let h = 0; h < slopes.length; h++) {
    for (let i = 0; i < Lq; i++) {
      for (let j = 0; j < Lk; j++) matrix[(h * Lq + i) * Lk + j] = -slopes[h]! * Math.abs(offset + i - j);
    }
  }
  return matrix;
}

/** The slopes on one device, by number of heads. */
class SlopeTensors implements Disposable {
  readonly #byHeads = new Map<number, Tensor<'H'>>();

  get(H: number, make: () => Tensor<'H'>): Tensor<'H'> {
    const slopes = this.#byHeads.get(H) ?? keep(make());
    this.#byHeads.set(H, slopes);
    return slopes;
  }

  [Symbol.dispose](): void {
    for (const slopes of this.#byHeads.values()) slopes.dispose();
    this.#byHeads.clear();
  }
}
