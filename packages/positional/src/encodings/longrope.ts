import { must, mustBePositive, mustBeWhole } from '../checks.ts';
import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';

/** Options of LongRoPE. */
export interface LongropeOptions extends RotationOptions {
  /** `[R/2]` divisors of the frequencies while the sequence is no longer than L0. */
  readonly shortFactors: readonly number[];
  /** `[R/2]` divisors of the frequencies beyond. */
  readonly longFactors: readonly number[];
  /** L0: the length the model was trained with. */
  readonly originalLength: number;
  /** s: how many times longer than L0 a sequence may be. Default 1. */
  readonly factor?: number | undefined;
  /** Multiplies cosines and sines. Default `√(1 + ln s / ln L0)`. */
  readonly attentionFactor?: number | undefined;
  /** Take the angles of this length always. */
  readonly length?: number | undefined;
}

/**
 * LongRoPE: a divisor for each frequency, found by search, and two lists of them: one up to the trained length L0,
 * one beyond it.
 *
 * ```text
 * f_i = base^(−2i/R) / e_i        e = long if length > L0 else short
 * a   = √(1 + ln s / ln L0)       s > 1, whichever list is used
 * ```
 *
 * The angles change once, when the sequence grows past L0. Keys that a cache has kept were turned by the short
 * list: `dependsOnLength.turnAgain` turns them on, or compute the prefix again (as Phi-3 does), or give `length`
 * beyond L0 from the start.
 *
 * @throws {ValueError} if a list is not `[R/2]` positive numbers, or a factor not positive.
 * @see Ding et al. 2024, "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens",
 * {@link https://arxiv.org/abs/2402.13753}; the attention factor is Phi-3's.
 */
export const longrope = /* @__PURE__ */ defineEncoding(
  {
    name: 'longrope',
    title: 'LongRoPE',
    kind: 'rotation',
    summary: 'Divides each frequency by its own searched factor; another list past the trained length.',
    paper: {
      title: 'LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens',
      authors: 'Ding et al.',
      year: 2024,
      arxiv: '2402.13753',
    },
    dependsOnLength: true,
  },
  {
    shortFactors: undefined,
    longFactors: undefined,
    originalLength: undefined,
    factor: 1,
    attentionFactor: undefined,
    length: undefined,
    ...rotationDefaults,
  },
  (options: LongropeOptions): RotaryEncoding => {
    checkLongrope(options);
    const { shortFactors, longFactors, originalLength: L0, length: fixed } = options;
    const { base = rotationDefaults.base, fraction, width, layout } = options;
    return createRotation(
      {
        name: 'longrope',
        frequencies(R, _, length) {
          mustFit(shortFactors, 'shortFactors', R);
          mustFit(longFactors, 'longFactors', R);
          const divisors = length > L0 ? longFactors : shortFactors;
          return inverseFrequencies(base, R).map((f, i) => f / divisors[i]!);
        },
        attentionFactor: attentionFactorOf(options),
        length: {
          boundary: L0,
          regime: (length) => (length > L0 ? 1 : 0),
          lasting: () => true,
          fixed,
        },
      },
      { base, fraction, width, layout },
    );
  },
);

function attentionFactorOf({ attentionFactor, factor = 1, originalLength }: LongropeOptions): number {
  if (attentionFactor !== undefined) return attentionFactor;
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalLength));
}

function mustFit(list: readonly number[], argument: string, R: number): void {
  must(
    list.length === R / 2,
    'longrope',
    argument,
    `must have one number for each of the R/2 = ${R / 2} pairs of a rotary width of ${R}`,
    `${list.length} numbers`,
  );
}

function checkLongrope({
  shortFactors,
  longFactors,
  originalLength,
  factor,
  attentionFactor,
}: LongropeOptions) {
  for (const [argument, list] of [
    ['shortFactors', shortFactors],
    ['longFactors', longFactors],
  ] as const) {
    must(Array.isArray(list), 'longrope', argument, 'must be a list of numbers, one for each pair', list);
    list.forEach((value, i) => {
      mustBePositive('longrope', `${argument}[${i}]`, value);
    });
  }
  must(
    shortFactors.length === longFactors.length,
    'longrope',
    'shortFactors and longFactors',
    'must have the same length, one number for each pair',
    `${shortFactors.length} and ${longFactors.length} numbers`,
  );
  mustBeWhole('longrope', 'originalLength', originalLength, 2);
  if (factor !== undefined) mustBePositive('longrope', 'factor', factor);
  if (attentionFactor !== undefined) mustBePositive('longrope', 'attentionFactor', attentionFactor);
}
