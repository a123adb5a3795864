import { must, mustBePositive } from '../checks.ts';
import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';

/** Options of xPos. */
export interface XposOptions extends RotationOptions {
  /** B: positions over which a pair decays by its ζ. Default 512. */
  readonly scaleBase?: number | undefined;
  /** γ: the larger, the slower all pairs decay. Default 0.4. */
  readonly gamma?: number | undefined;
  /**
   * The position whose stretch is 1. Only differences count, so any serves that all calls of a sequence share;
   * the middle of the longest sequence reaches furthest. Default 0.
   */
  readonly center?: number | undefined;
}

/** Stretches are kept inside 2^±100: two of them multiplied still fit a float32. */
const LARGEST_STRETCH = 2 ** 100;

/**
 * xPos: RoPE whose pairs also decay with distance, the fast ones soonest, so that far tokens are seen blurred
 * rather than wrongly. Queries are stretched by ζ^p, keys by ζ^−p.
 *
 * ```text
 * ζ_i = (2i/R + γ) / (1 + γ)
 * q   = turn(q, p) · ζ^((p − center)/B)        k = turn(k, p) · ζ^(−(p − center)/B)
 * q·k = Σ_i … · ζ_i^((p_q − p_k)/B)            decays only where the key stands before the query: causal models
 * ```
 *
 * @throws {ValueError} if γ or B is not positive, or a position so far from `center` that float32 cannot hold its
 * stretch (28 000 positions with the defaults).
 * @see Sun et al. 2022, "A Length-Extrapolatable Transformer", eq. 8 and algorithm 1,
 * {@link https://arxiv.org/abs/2212.10554}
 */
export const xpos = /* @__PURE__ */ defineEncoding(
  {
    name: 'xpos',
    title: 'xPos (extrapolatable RoPE)',
    kind: 'rotation',
    summary: 'RoPE whose pairs also decay with distance: queries are stretched, keys shrunk.',
    paper: {
      title: 'A Length-Extrapolatable Transformer',
      authors: 'Sun et al.',
      year: 2022,
      arxiv: '2212.10554',
    },
  },
  { scaleBase: 512, gamma: 0.4, center: 0, ...rotationDefaults },
  ({
    scaleBase = 512,
    gamma = 0.4,
    center = 0,
    base = rotationDefaults.base,
    ...rest
  }: XposOptions): RotaryEncoding => {
    mustBePositive('xpos', 'scaleBase', scaleBase);
    mustBePositive('xpos', 'gamma', gamma);
    must(Number.isFinite(center) && center >= 0, 'xpos', 'center', 'must be a finite number ≥ 0', center);
    const zeta = (i: number, R: number): number => ((2 * i) / R + gamma) / (1 + gamma);
    // pair 0 decays fastest
    const furthest = Math.floor((scaleBase * Math.log(LARGEST_STRETCH)) / -Math.log(zeta(0, 2)));
    return createRotation(
      {
        name: 'xpos',
        frequencies: (R) => inverseFrequencies(base, R),
        stretch: (side, position, i, R) =>
          zeta(i, R) ** (((side === 'q' ? 1 : -1) * (position - center)) / scaleBase),
        checkEnd(end) {
          const rule = `must lie within ${furthest} of center = ${center}, where float32 still holds its stretch; move center towards the middle of the sequence`;
          must(end - 1 - center <= furthest, 'xpos', 'position', rule, end - 1);
          must(center <= furthest, 'xpos', 'center', `must be at most ${furthest}, for position 0`, center);
        },
      },
      { base, ...rest },
    );
  },
);
