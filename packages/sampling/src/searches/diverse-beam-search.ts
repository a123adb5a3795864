import { describeRule } from '../contract.ts';
import { checkOptions } from '../errors.ts';
import type { BatchStep } from './contract.ts';
import { type BeamOptions, type Found, searchBeams } from './engine.ts';

/** Options of {@link diverseBeamSearch}. */
export interface DiverseBeamOptions extends BeamOptions {
  /** How many groups of `beams` beams each. */
  readonly groups: number;
  /** Taken from a token's score for each earlier group's beam that took it at the same step. Default 0.5. */
  readonly diversity?: number;
}

/**
 * Diverse (group) beam search: groups search one after the other at every step, and a token that earlier groups
 * took at this step costs a later group something.
 *
 * ```text
 * score += log p(x) − λ · (how many beams of earlier groups took x at this step)
 * ```
 *
 * `beams` is the size of one group (Hugging Face's `num_beams / num_beam_groups`).
 *
 * @returns one list for each group, best first.
 * @throws {SamplingError} if an option is out of range, the step does not return one row of logits a sequence, or a
 * filter draws a random number; `ConstraintError` if a constraint allows none of a beam's tokens; the signal's
 * reason once it is aborted.
 * @see Vijayakumar et al. 2018, "Diverse Beam Search", {@link https://arxiv.org/abs/1610.02424}
 */
export async function diverseBeamSearch(
  step: BatchStep,
  options: DiverseBeamOptions,
): Promise<readonly (readonly Found[])[]> {
  checkOptions('diverse-beam-search', options, 'prompt, beams, groups and maxTokens');
  const { groups, diversity = 0.5 } = options;
  return searchBeams(step, options, { name: 'diverse-beam-search', groups, diversity, random: undefined });
}

export const diverseBeamSearchRule = describeRule({
  name: 'diverse-beam-search',
  formula: 'beam search in groups; − λ for each earlier beam with the same token',
  source: {
    title: 'Diverse Beam Search: Decoding Diverse Solutions from Neural Sequence Models',
    authors: 'Vijayakumar et al.',
    year: 2018,
    url: 'https://arxiv.org/abs/1610.02424',
  },
  defaults: {
    beams: 2,
    groups: 2,
    diversity: 0.5,
    lengthPenalty: 1,
    earlyStopping: false as boolean | 'never',
  },
});
