import { describeRule } from '../contract.ts';
import type { BatchStep } from './contract.ts';
import { type BeamOptions, type Found, searchBeams } from './engine.ts';

/**
 * Beam search: keeps the `beams` most likely beginnings at every step, and so finds likelier sequences than
 * taking the best token each time.
 *
 * ```text
 * score = Σ log p / length^α        length counts generated tokens, the end token included
 * ```
 *
 * At each step the best `2 · beams` continuations of all beams are looked at (more with several end tokens):
 * those among the first `beams` that end are put aside, the others fill the beam again. With `beams` at least
 * as large as the number of sequences the search is exhaustive.
 *
 * A beam whose rules allow nothing more, such as a constraint that is complete, has ended as with an end token.
 *
 * @returns up to `beams` sequences, best first.
 * @throws {SamplingError} if an option is out of range, the step does not return one row of logits a sequence, or a
 * filter draws a random number; `ConstraintError` if a constraint allows none of a beam's tokens; the signal's
 * reason once it is aborted.
 * @see Graves 2012, "Sequence Transduction with Recurrent Neural Networks", {@link https://arxiv.org/abs/1211.3711};
 * length penalty and early stopping as in Hugging Face transformers
 */
export async function beamSearch(step: BatchStep, options: BeamOptions): Promise<readonly Found[]> {
  const strategy = { name: 'beam-search', groups: 1, diversity: 0, random: undefined };
  return (await searchBeams(step, options, strategy))[0]!;
}

export const beamSearchRule = describeRule({
  name: 'beam-search',
  formula: 'best Σ log p / length^α over `beams` kept beginnings',
  source: {
    title: 'Sequence Transduction with Recurrent Neural Networks',
    authors: 'Graves',
    year: 2012,
    url: 'https://arxiv.org/abs/1211.3711',
  },
  defaults: { beams: 4, lengthPenalty: 1, earlyStopping: false as boolean | 'never' },
});
