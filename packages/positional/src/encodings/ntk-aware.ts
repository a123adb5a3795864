import { must, mustBePositive } from '../checks.ts';
import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';

/** Options of NTK-aware scaling. */
export interface NtkAwareOptions extends RotationOptions {
  /** s: how many times longer than in training a sequence may be. */
  readonly factor: number;
}

/**
 * NTK-aware scaling of RoPE: the base grows so that the slowest pair is slowed by the whole factor and the fastest
 * not at all. Neighbours stay distinct, and a model often works without fine-tuning.
 *
 * ```text
 * base' = base · s^(R / (R − 2))
 * f_i   = base'^(−2i/R)
 * ```
 *
 * @throws {ValueError} if the factor is not positive, or the rotary width 2 (its only pair cannot be slowed).
 * @see bloc97 2023, "NTK-Aware Scaled RoPE"; Peng et al. 2023, "YaRN", definition 1,
 * {@link https://arxiv.org/abs/2309.00071}
 */
export const ntkAware = /* @__PURE__ */ defineEncoding(
  {
    name: 'ntk-aware',
    title: 'RoPE with NTK-aware scaling',
    kind: 'rotation',
    summary: 'Raises the base: slow pairs are slowed by the factor, fast ones keep their resolution.',
    paper: {
      title: 'NTK-Aware Scaled RoPE allows LLaMA models to have extended (8k+) context size',
      authors: 'bloc97',
      year: 2023,
      url: 'https://www.reddit.com/r/LocalLLaMA/comments/14lz7j5/',
    },
  },
  { factor: undefined, ...rotationDefaults },
  ({ factor, base = rotationDefaults.base, ...rest }: NtkAwareOptions): RotaryEncoding => {
    mustBePositive('ntk-aware', 'factor', factor);
    return createRotation(
      {
        name: 'ntk-aware',
        frequencies: (R) => inverseFrequencies(raisedBase('ntk-aware', base, factor, R), R),
      },
      { base, ...rest },
    );
  },
);

/**
 * base · s^(R / (R − 2)): the slowest pair, `base^(−(R−2)/R)`, becomes s times slower.
 * @throws {ValueError} if R is 2.
 */
export function raisedBase(op: string, base: number, factor: number, R: number): number {
  must(R > 2, op, 'rotary width', 'must be at least 4: the exponent R / (R − 2) has no value at 2', R);
  return base * factor ** (R / (R - 2));
}
