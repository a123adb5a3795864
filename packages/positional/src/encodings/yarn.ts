import { checkFields, checkGiven } from '@headwise/tensor';
import { must, mustBePositive } from '../checks.ts';
import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';

/** Options of YaRN. */
export interface YarnOptions extends RotationOptions {
  /** s: how many times longer than in training a sequence may be. */
  readonly factor: number;
  /** L0: the length the model was trained with. */
  readonly originalLength: number;
  /** Pairs that turn more often than this over L0 keep their frequency. Default 32. */
  readonly betaFast?: number | undefined;
  /** Pairs that turn less often than this over L0 are slowed by the whole factor. Default 1. */
  readonly betaSlow?: number | undefined;
  /** Round the range between the two outwards to whole pairs. Default true (gpt-oss: false). */
  readonly truncate?: boolean | undefined;
  /** Multiplies cosines and sines. Default `0.1 ln s + 1`, or what `mscale` and `mscaleAllDim` say. */
  readonly attentionFactor?: number | undefined;
  /** DeepSeek: the attention factor is `yarnMagnitude(s, mscale) / yarnMagnitude(s, mscaleAllDim)`. */
  readonly mscale?: number | undefined;
  readonly mscaleAllDim?: number | undefined;
}

/**
 * YaRN, "NTK by parts": fast pairs keep their frequency, slow pairs are interpolated by the whole factor, and a
 * ramp joins the two. Attention is sharpened a little by a factor on cosines and sines.
 *
 * ```text
 * c(r)   = R ln(L0 / 2πr) / (2 ln base)                the pair that turns r times over L0
 * ramp_i = clamp((i − c(betaFast)) / (c(betaSlow) − c(betaFast)), 0, 1)
 * f'_i   = ramp_i · f_i / s + (1 − ramp_i) · f_i
 * a      = 0.1 ln s + 1
 * ```
 *
 * DeepSeek also multiplies the scale of its scores by `yarnMagnitude(s, mscaleAllDim)²`; that is attention's.
 *
 * @throws {ValueError} if the factor is not positive, the base not above 1, or the betas the wrong way round.
 * @see Peng et al. 2023, "YaRN: Efficient Context Window Extension of Large Language Models", section 3.2 and
 * eq. 22, {@link https://arxiv.org/abs/2309.00071}
 */
export const yarn = /* @__PURE__ */ defineEncoding(
  {
    name: 'yarn',
    title: 'YaRN',
    kind: 'rotation',
    summary: 'Keeps fast pairs, interpolates slow ones, and sharpens attention by a factor.',
    paper: {
      title: 'YaRN: Efficient Context Window Extension of Large Language Models',
      authors: 'Peng et al.',
      year: 2023,
      arxiv: '2309.00071',
    },
  },
  {
    factor: undefined,
    originalLength: undefined,
    betaFast: 32,
    betaSlow: 1,
    truncate: true,
    attentionFactor: undefined,
    mscale: undefined,
    mscaleAllDim: undefined,
    ...rotationDefaults,
  },
  (options: YarnOptions): RotaryEncoding => {
    checkYarn(options);
    const { factor, originalLength, betaFast = 32, betaSlow = 1, truncate = true } = options;
    const { base = rotationDefaults.base, fraction, width, layout } = options;
    return createRotation(
      {
        name: 'yarn',
        frequencies(R) {
          const ramp = yarnRamp(R, { base, originalLength, betaFast, betaSlow, truncate });
          return inverseFrequencies(base, R).map((f, i) => (ramp[i]! * f) / factor + (1 - ramp[i]!) * f);
        },
        attentionFactor: attentionFactorOf(options),
      },
      { base, fraction, width, layout },
    );
  },
);

/** `0.1 · m · ln s + 1` for s > 1, else 1: YaRN eq. 22 with DeepSeek's multiplier m. Never throws. */
export function yarnMagnitude(factor: number, mscale = 1): number {
  checkGiven('yarnMagnitude', { factor });
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
}

function attentionFactorOf({ factor, attentionFactor, mscale, mscaleAllDim }: YarnOptions): number {
  if (attentionFactor !== undefined) return attentionFactor;
  // zero means "not given", as in Hugging Face
  return mscale && mscaleAllDim
    ? yarnMagnitude(factor, mscale) / yarnMagnitude(factor, mscaleAllDim)
    : yarnMagnitude(factor);
}

interface RampOptions {
  readonly base: number;
  readonly originalLength: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  readonly truncate: boolean;
}

/** The two pairs between which YaRN goes from keeping a frequency to slowing it. Never throws. */
export function yarnRange(R: number, options: RampOptions): readonly [low: number, high: number] {
  checkGiven('yarnRange', { R });
  checkFields('yarnRange', 'options', options, ['base', 'originalLength', 'betaFast', 'betaSlow']);
  const { base, originalLength, betaFast, betaSlow, truncate } = options;
  const pairOf = (turns: number): number =>
    (R * Math.log(originalLength / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const low = pairOf(betaFast);
  const high = pairOf(betaSlow);
  return [Math.max(truncate ? Math.floor(low) : low, 0), Math.min(truncate ? Math.ceil(high) : high, R - 1)];
}

/** `[R/2]` 0 where the frequency is kept, 1 where it is slowed by the whole factor. */
function yarnRamp(R: number, options: RampOptions): Float64Array {
  const [low, high] = yarnRange(R, options);
  const span = high === low ? 0.001 : high - low; // a step, as in the authors' code
  return Float64Array.from({ length: R / 2 }, (_, i) => Math.min(1, Math.max(0, (i - low) / span)));
}

function checkYarn(options: YarnOptions): void {
  const {
    factor,
    originalLength,
    betaFast = 32,
    betaSlow = 1,
    base = rotationDefaults.base,
    attentionFactor,
  } = options;
  mustBePositive('yarn', 'factor', factor);
  mustBePositive('yarn', 'originalLength', originalLength);
  mustBePositive('yarn', 'betaSlow', betaSlow);
  must(
    Number.isFinite(betaFast) && betaFast >= betaSlow,
    'yarn',
    'betaFast',
    `must be at least betaSlow = ${betaSlow}: fast pairs turn more often`,
    betaFast,
  );
  must(
    Number.isFinite(base) && base > 1,
    'yarn',
    'base',
    'must be above 1, since its logarithm divides',
    base,
  );
  if (attentionFactor !== undefined) mustBePositive('yarn', 'attentionFactor', attentionFactor);
}
