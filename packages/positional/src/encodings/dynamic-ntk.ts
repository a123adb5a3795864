import { mustBePositive, mustBeWhole } from '../checks.ts';
import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';
import { raisedBase } from './ntk-aware.ts';

/** Options of dynamic NTK scaling. */
export interface DynamicNtkOptions extends RotationOptions {
  /** s: how strongly the base grows past the trained length. */
  readonly factor: number;
  /** M: the length the model was trained with. */
  readonly originalLength: number;
  /** Take the angles of this length always, for instance of the longest a conversation may get. */
  readonly length?: number | undefined;
}

/**
 * Dynamic NTK scaling of RoPE: plain RoPE up to the trained length M, and beyond it a base that grows with the
 * length S of the sequence.
 *
 * ```text
 * base' = base · (s · S/M − (s − 1))^(R / (R − 2))     S = max(length, M)
 * f_i   = base'^(−2i/R)
 * ```
 *
 * The angles depend on the length, so past M every step has its own. Keys that a cache has kept were turned by
 * the angles of an earlier length: `dependsOnLength.regime` says when that matters, `dependsOnLength.turnAgain`
 * turns them on. A call takes the length from its largest position; give `length` to fix it for good, which keeps
 * a cache right without a second turn.
 *
 * @throws {ValueError} if the factor is not positive, the length not a whole number, or the rotary width 2.
 * @see emozilla 2023, "Dynamically Scaled RoPE"; Peng et al. 2023, "YaRN", section 3.3,
 * {@link https://arxiv.org/abs/2309.00071}
 */
export const dynamicNtk = /* @__PURE__ */ defineEncoding(
  {
    name: 'dynamic-ntk',
    title: 'RoPE with dynamic NTK scaling',
    kind: 'rotation',
    summary: 'Plain RoPE up to the trained length; beyond it the base grows with the sequence.',
    paper: {
      title:
        'Dynamically Scaled RoPE further increases performance of long context LLaMA with zero fine-tuning',
      authors: 'emozilla',
      year: 2023,
      url: 'https://www.reddit.com/r/LocalLLaMA/comments/14mrgpr/',
    },
    dependsOnLength: true,
  },
  { factor: undefined, originalLength: undefined, length: undefined, ...rotationDefaults },
  ({
    factor,
    originalLength: M,
    length: fixed,
    base = rotationDefaults.base,
    ...rest
  }: DynamicNtkOptions): RotaryEncoding => {
    mustBePositive('dynamic-ntk', 'factor', factor);
    mustBeWhole('dynamic-ntk', 'originalLength', M);
    const growth = (length: number): number => (factor * Math.max(length, M)) / M - (factor - 1);
    return createRotation(
      {
        name: 'dynamic-ntk',
        frequencies: (R, _, length) =>
          inverseFrequencies(raisedBase('dynamic-ntk', base, growth(length), R), R),
        length: {
          boundary: M,
          regime: (length) => Math.max(length, M),
          lasting: (length) => length <= M || length === fixed,
          fixed,
        },
      },
      { base, ...rest },
    );
  },
);
