import type { StepContext } from '../generate/contract.ts';
import type { Distribution } from '../sampler.ts';

/** A proposed token, and the distribution it was drawn from; without one it was certain (probability 1). */
export interface Proposed {
  readonly id: number;
  readonly distribution?: Distribution;
}

/** Guesses how a text goes on, cheaply. May return fewer tokens than asked for, or none. */
export interface Drafter {
  readonly name: string;
  /** @throws {SamplingError} if the tokens so far leave nothing to guess from; what a model behind it throws too. */
  propose(
    ids: readonly number[],
    count: number,
    signal: AbortSignal | undefined,
  ): readonly Proposed[] | Promise<readonly Proposed[]>;
}

/** What a step that checks drafted tokens is told beside its ids. */
export interface VerifyContext extends StepContext {
  /** How many rows of logits to return: those after each of the last `rows` of the given ids. */
  readonly rows: number;
}

/**
 * A target model that runs several tokens at once: returns the logits `[V]` after each of the last `rows` ids.
 * A cache must be cut back to `position` first, since rejected drafts lie beyond it.
 */
export type VerifyStep = (
  ids: readonly number[],
  context: VerifyContext,
) => readonly Float32Array[] | Promise<readonly Float32Array[]>;
