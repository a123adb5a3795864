import { type Clock, machineClock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import { type SweepRun, sweepOn } from '../quality/run.ts';
import { raspCells } from './cells.ts';
import type { RaspCell, RaspRecipe, RaspResults, Task } from './contract.ts';
import { type RaspEncoding, raspEncodings } from './encodings.ts';
import { tasks } from './tasks.ts';

export interface RaspOptions extends SweepRun<RaspCell, RaspRecipe> {
  readonly profile: RaspRecipe;
}

/**
 * What a recipe is about, in the order of the registries.
 * @throws {UsageError} for a task or an encoding that is not known.
 */
export function raspSubjects(recipe: Pick<RaspRecipe, 'tasks' | 'encodings'>): {
  readonly tasks: readonly Task[];
  readonly encodings: readonly RaspEncoding[];
} {
  return {
    tasks: chosen('--tasks', tasks, Object.keys(recipe.tasks)),
    encodings: chosen('--encodings', raspEncodings, recipe.encodings),
  };
}

function chosen<Named extends { readonly name: string }>(
  option: string,
  all: readonly Named[],
  names: readonly string[],
): readonly Named[] {
  const unknown = names.find((name) => !all.some((one) => one.name === name));
  if (unknown !== undefined)
    throw new UsageError(
      `${option} takes ${all.map(({ name }) => name).join(', ')}, got ${JSON.stringify(unknown)}`,
    );
  return all.filter(({ name }) => names.includes(name));
}

/**
 * Trains a small decoder on every task with every encoding up to one length, and checks it at longer ones.
 * @throws {UsageError} for names that are not known, or a device that does not work here; what `store` throws.
 */
export async function runRasp(options: RaspOptions): Promise<RaspResults> {
  const { profile: recipe, device: deviceName = 'wasm', machine } = options;
  const subjects = raspSubjects(recipe);
  const clock: Clock = options.clock ?? machineClock();
  const { plan, cells } = await sweepOn(options, recipe, clock, (device) =>
    raspCells({ recipe, ...subjects, device, deviceName, machine, clock }),
  );
  return { recipe, plan, cells };
}
