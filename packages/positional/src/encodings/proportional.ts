import { must, mustBePositive, mustBeWhole } from '../checks.ts';
import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { checkRotationOptions, createRotation, type RotationOptions, rotationDefaults } from '../rotation.ts';

/** Options of proportional RoPE. */
export interface ProportionalOptions extends Omit<RotationOptions, 'width'> {
  /** s, divides the frequencies. Default 1. */
  readonly factor?: number | undefined;
}

/**
 * Proportional RoPE: the frequencies of a whole head, of which only the fastest share turns; the rest stands
 * still. Partial rotation instead packs all frequencies into a narrower part of the head.
 *
 * ```text
 * f_i = base^(−2i/D) / s      i < ⌊fraction · D / 2⌋
 *       0                     beyond: the pair passes through
 * ```
 *
 * @throws {ValueError} if D is odd, the fraction outside (0, 1] or the factor not positive.
 * @see Gemma 4's global layers; `rope_type: "proportional"` in Hugging Face transformers 5.
 */
export const proportional = /* @__PURE__ */ defineEncoding(
  {
    name: 'proportional',
    title: 'Proportional RoPE',
    kind: 'rotation',
    summary: 'Frequencies of the whole head, of which only the fastest share turns.',
    paper: {
      title: 'transformers 5, modeling_rope_utils.py (Gemma 4)',
      authors: 'Hugging Face and Google',
      year: 2026,
      url: 'https://github.com/huggingface/transformers/blob/main/src/transformers/modeling_rope_utils.py',
    },
  },
  { factor: 1, base: rotationDefaults.base, fraction: 1, layout: rotationDefaults.layout },
  ({
    factor = 1,
    base = rotationDefaults.base,
    fraction = 1,
    layout,
  }: ProportionalOptions): RotaryEncoding => {
    mustBePositive('proportional', 'factor', factor);
    checkRotationOptions('proportional', { base, fraction, layout });
    return createRotation(
      {
        name: 'proportional',
        widthOf(D) {
          mustBeWhole('proportional', 'D', D);
          must(
            D % 2 === 0,
            'proportional',
            'D',
            'must be even, since the numbers of a head turn in pairs',
            D,
          );
          return D;
        },
        frequencies(_, D) {
          const turning = Math.floor((fraction * D) / 2);
          must(
            turning > 0,
            'proportional',
            'fraction',
            `must let a pair of a head of D = ${D} turn`,
            fraction,
          );
          return Float64Array.from({ length: D / 2 }, (__, i) =>
            i < turning ? base ** ((-2 * i) / D) / factor : 0,
          );
        },
      },
      { base, layout },
    );
  },
);
