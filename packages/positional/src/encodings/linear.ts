import { mustBePositive } from '../checks.ts';
import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';

/** Options of position interpolation. */
export interface LinearOptions extends RotationOptions {
  /** s: how many times longer than in training a sequence may be. */
  readonly factor: number;
}

/**
 * Linear scaling of RoPE, also called position interpolation: all positions are squeezed into the trained range,
 * so that no angle is new. Costs resolution between neighbours, and needs a little fine-tuning.
 *
 * ```text
 * f_i = base^(−2i/R) / s
 * ```
 *
 * @throws {ValueError} if the factor is not positive.
 * @see Chen et al. 2023, "Extending Context Window of Large Language Models via Positional Interpolation", eq. 4,
 * {@link https://arxiv.org/abs/2306.15595}
 */
export const linear = /* @__PURE__ */ defineEncoding(
  {
    name: 'linear',
    title: 'RoPE with linear scaling (position interpolation)',
    kind: 'rotation',
    summary: 'Slows every frequency by the factor, so that a longer sequence spans the trained angles.',
    paper: {
      title: 'Extending Context Window of Large Language Models via Positional Interpolation',
      authors: 'Chen et al.',
      year: 2023,
      arxiv: '2306.15595',
    },
  },
  { factor: undefined, ...rotationDefaults },
  ({ factor, base = rotationDefaults.base, ...rest }: LinearOptions): RotaryEncoding => {
    mustBePositive('linear', 'factor', factor);
    return createRotation(
      { name: 'linear', frequencies: (R) => inverseFrequencies(base, R).map((f) => f / factor) },
      { base, ...rest },
    );
  },
);
