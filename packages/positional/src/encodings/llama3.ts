import { must, mustBePositive } from '../checks.ts';
import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';

/** Options of Llama 3.1's scaling. */
export interface Llama3Options extends RotationOptions {
  /** s: how many times longer than in training a sequence may be (Llama 3.1: 8). */
  readonly factor: number;
  /** L0: the length the model was trained with (Llama 3.1: 8192). */
  readonly originalLength: number;
  /** Pairs that turn less often than this over L0 are slowed by the whole factor. Default 1. */
  readonly lowFrequencyFactor?: number | undefined;
  /** Pairs that turn more often than this over L0 keep their frequency. Default 4. */
  readonly highFrequencyFactor?: number | undefined;
}

/**
 * The scaling of RoPE in Llama 3.1: like YaRN by parts, but with the ramp linear in the number of turns, and no
 * attention factor.
 *
 * ```text
 * n   = L0 · f_i / 2π                       turns over the trained length
 * f'_i = f_i / s                            n < low
 *        f_i                                n > high
 *        (1 − t) f_i / s + t f_i            between, t = (n − low) / (high − low)
 * ```
 *
 * @throws {ValueError} if the factor is not positive, or the high factor not above the low one.
 * @see Llama team 2024, "The Llama 3 Herd of Models", {@link https://arxiv.org/abs/2407.21783}; the formula is in
 * the reference code of Llama 3.1 (`apply_scaling`).
 */
export const llama3 = /* @__PURE__ */ defineEncoding(
  {
    name: 'llama3',
    title: 'RoPE with Llama 3.1 scaling',
    kind: 'rotation',
    summary: 'Slows pairs that turn less than once over the trained length, keeps fast ones, blends between.',
    paper: { title: 'The Llama 3 Herd of Models', authors: 'Llama team', year: 2024, arxiv: '2407.21783' },
  },
  {
    factor: undefined,
    originalLength: undefined,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    ...rotationDefaults,
  },
  (options: Llama3Options): RotaryEncoding => {
    const { factor, originalLength, lowFrequencyFactor: low = 1, highFrequencyFactor: high = 4 } = options;
    const { base = rotationDefaults.base, fraction, width, layout } = options;
    mustBePositive('llama3', 'factor', factor);
    mustBePositive('llama3', 'originalLength', originalLength);
    mustBePositive('llama3', 'lowFrequencyFactor', low);
    must(
      Number.isFinite(high) && high > low,
      'llama3',
      'highFrequencyFactor',
      `must be above lowFrequencyFactor = ${low}`,
      high,
    );
    const scaled = (f: number): number => {
      const turns = (originalLength * f) / (2 * Math.PI);
      const t = Math.min(1, Math.max(0, (turns - low) / (high - low)));
      return ((1 - t) * f) / factor + t * f;
    };
    return createRotation(
      { name: 'llama3', frequencies: (R) => inverseFrequencies(base, R).map(scaled) },
      { base, fraction, width, layout },
    );
  },
);
