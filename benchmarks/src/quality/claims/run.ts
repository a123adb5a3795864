import { type Clock, machineClock } from '../../clock.ts';
import type { QualityProfile } from '../../profiles.ts';
import { qualityRecipe, type SweepRun, sweepOn } from '../run.ts';
import { claimCells } from './cells.ts';
import { contendersOf, REACH } from './contenders.ts';
import type { ClaimCell, Claims } from './contract.ts';

export interface ClaimsOptions extends SweepRun<ClaimCell> {
  readonly profile: QualityProfile;
  readonly text?: { readonly name: string; readonly bytes: Uint8Array } | undefined;
}

/** @throws {UsageError} for a text that is too short. */
export function claimsRecipe(
  options: Pick<ClaimsOptions, 'profile' | 'text'>,
): ReturnType<typeof qualityRecipe> {
  return qualityRecipe(options, REACH);
}

/**
 * Trains what the papers' claims are about.
 * @throws {UsageError} for a device that does not work here, or a text that is too short; what `store` throws.
 */
export async function runClaims(options: ClaimsOptions): Promise<Claims> {
  const { recipe, corpus } = claimsRecipe(options);
  const contenders = contendersOf(recipe.shape, recipe.T);
  const clock: Clock = options.clock ?? machineClock();
  const { plan, cells } = await sweepOn(options, recipe, clock, (device) =>
    claimCells({ recipe, corpus, contenders, device, machine: options.machine, clock }),
  );
  return { recipe, plan, cells };
}
