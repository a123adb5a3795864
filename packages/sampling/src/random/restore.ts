import { SamplingError, show } from '../errors.ts';
import type { Random, RandomState } from './contract.ts';
import { restoreReplay } from './replay.ts';
import { restoreXorshift } from './xorshift.ts';
import { restoreXoshiro } from './xoshiro.ts';

const restorers: Readonly<Record<string, (state: RandomState) => Random>> = {
  'xoshiro128**': restoreXoshiro,
  'xorshift64*': restoreXorshift,
  replay: restoreReplay,
};

/**
 * Goes on from what {@link Random.state} wrote.
 *
 * @throws {SamplingError} if the algorithm is unknown, or its words are no state of it.
 */
export function restoreRandom(state: RandomState): Random {
  const restore = Object.hasOwn(restorers, state?.algorithm) ? restorers[state.algorithm] : undefined;
  if (!restore || !Array.isArray(state.words)) {
    const known = Object.keys(restorers).join(', ');
    throw new SamplingError('random', `cannot restore ${show(state?.algorithm)}; known are ${known}`);
  }
  return restore(state);
}
