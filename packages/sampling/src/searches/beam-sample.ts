import { describeRule } from '../contract.ts';
import { checkOptions } from '../errors.ts';
import type { Random } from '../random/contract.ts';
import { createRandom } from '../random/xoshiro.ts';
import type { BatchStep } from './contract.ts';
import { type BeamOptions, type Found, searchBeams } from './engine.ts';

/** Options of {@link beamSample}: those of a beam search, and where its random numbers come from. */
export interface BeamSampleOptions extends BeamOptions {
  readonly seed?: number;
  /** A generator of your own instead of a seed. */
  readonly random?: Random;
}

/**
 * Beam sampling: beam search whose continuations are drawn, without replacement, from the joint distribution
 * over all beams.
 *
 * ```text
 * draw 2 · beams of (beam, token) with probability ∝ exp(score of the beam + log p of the token)
 * ```
 *
 * The draw takes the largest of the scores perturbed by Gumbel noise, which is the same as drawing one after
 * another without putting back. Temperature and cutoffs go into `filters`.
 *
 * @throws {SamplingError} if an option is out of range, or the step does not return one row of logits a sequence;
 * `ConstraintError` if a constraint allows none of a beam's tokens; the signal's reason once it is aborted.
 *
 * @see Kool, van Hoof and Welling 2019, "Stochastic Beams and Where to Find Them",
 * {@link https://arxiv.org/abs/1903.06059}; `beam_sample` of Hugging Face transformers
 */
export async function beamSample(step: BatchStep, options: BeamSampleOptions): Promise<readonly Found[]> {
  checkOptions('beam-sample', options, 'prompt, beams and maxTokens');
  const random = options.random ?? createRandom(options.seed ?? Math.floor(Math.random() * 2 ** 32));
  return (await searchBeams(step, options, { name: 'beam-sample', groups: 1, diversity: 0, random }))[0]!;
}

export const beamSampleRule = describeRule({
  name: 'beam-sample',
  formula: 'beam search over continuations drawn ∝ exp(score + log p)',
  source: {
    title: 'Stochastic Beams and Where to Find Them',
    authors: 'Kool et al.',
    year: 2019,
    url: 'https://arxiv.org/abs/1903.06059',
  },
  defaults: { beams: 4, lengthPenalty: 1, earlyStopping: false as boolean | 'never' },
});
