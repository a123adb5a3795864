import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';

/** Options of rotary position embedding. */
export type RotaryOptions = RotationOptions;

/**
 * Rotary position embedding (RoPE): each pair of numbers of a query or key is turned by an angle proportional to
 * its position, so that a dot product sees only how far apart two tokens stand. Nothing is learned, nothing is
 * added, and the length of a vector stays.
 *
 * ```text
 * f_i = base^(−2i/R)                                  i = 0 … R/2 − 1
 * (x_a, x_b) → (x_a cos pf_i − x_b sin pf_i, x_b cos pf_i + x_a sin pf_i)
 * q [B, Lq, H, D]  k [B, Lk, Hkv, D]                  the first R = ⌊fraction · D⌋ of D numbers turn
 * ```
 *
 * `layout` says which two numbers are a and b: weights trained with one are wrong under the other, see
 * `convertRotaryLayout`.
 *
 * @throws {ValueError} if the rotary width is odd, the fraction outside (0, 1] or the base not positive.
 * @see Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding", eq. 34,
 * {@link https://arxiv.org/abs/2104.09864}; partial rotation: Black et al. 2022, GPT-NeoX-20B.
 */
export const rotary = /* @__PURE__ */ defineEncoding(
  {
    name: 'rotary',
    title: 'Rotary position embedding (RoPE)',
    kind: 'rotation',
    summary: 'Turns each pair of a query and key by an angle proportional to the position.',
    paper: {
      title: 'RoFormer: Enhanced Transformer with Rotary Position Embedding',
      authors: 'Su et al.',
      year: 2021,
      arxiv: '2104.09864',
    },
  },
  rotationDefaults,
  ({ base = rotationDefaults.base, ...rest }: RotaryOptions): RotaryEncoding =>
    createRotation({ name: 'rotary', frequencies: (R) => inverseFrequencies(base, R) }, { base, ...rest }),
);
