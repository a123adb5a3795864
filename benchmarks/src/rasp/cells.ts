import type { Device } from '@headwise/tensor';
import type { Clock } from '../clock.ts';
import { assertRan } from '../engines.ts';
import { verdictOf } from '../quality/cells.ts';
import type { Cell } from '../sweep.ts';
import type { RaspCell, RaspRecipe, Task } from './contract.ts';
import type { RaspEncoding } from './encodings.ts';
import { vocabularyOf } from './texts.ts';
import { beginPupil, shareRight, teach } from './training.ts';

export interface RaspContext {
  readonly recipe: RaspRecipe;
  readonly tasks: readonly Task[];
  readonly encodings: readonly RaspEncoding[];
  readonly device: Device;
  /** As asked for. */
  readonly deviceName: string;
  readonly machine: string;
  readonly clock: Pick<Clock, 'now'>;
}

/** All trainings: seeds outermost, so that a sweep that is cut short has every task and encoding with fewer seeds. */
export function raspCells(context: RaspContext): Cell<RaspCell>[] {
  const { recipe, tasks, encodings } = context;
  return recipe.seeds.flatMap((seed) =>
    encodings.flatMap((encoding) => tasks.map((task) => cellOf(context, task, encoding, seed))),
  );
}

function cellOf(context: RaspContext, task: Task, encoding: RaspEncoding, seed: number): Cell<RaspCell> {
  const id = `rasp/${task.name}/${encoding.name}/${seed}`;
  const head = { id, task: task.name, encoding: encoding.name, seed } as const;
  return {
    id,
    run: async (onStep, signal) => {
      try {
        return { ...head, status: 'ok', ...(await taught(context, task, encoding, seed, onStep, signal)) };
      } catch (error) {
        const [status, reason] = verdictOf(context.device, error);
        return { ...head, status, reason };
      }
    },
  };
}

/** Lengths that a task is checked at: those of the recipe's `times`, in lengths of training. */
export function lengthsOf({ tasks, times }: RaspRecipe, task: string): readonly number[] {
  return times.map((factor) => Math.round(tasks[task]!.length * factor));
}

async function taught(
  { recipe, device, deviceName, machine, clock }: RaspContext,
  task: Task,
  encoding: RaspEncoding,
  seed: number,
  onStep: (done: number, label: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Pick<RaspCell, 'parameters' | 'curve' | 'right' | 'timing'>> {
  const began = clock.now();
  const lengths = lengthsOf(recipe, task.name);
  const vocabulary = vocabularyOf(task.alphabet(Math.max(...lengths)));
  const pupil = beginPupil(device, recipe, task, vocabulary, encoding, seed);
  try {
    const curve = await teach(pupil, recipe, seed, onStep, signal);
    const right: Record<string, number> = {};
    for (const n of lengths) {
      if (signal.aborted) return {};
      right[n] = await shareRight(pupil, n, recipe.checked);
    }
    const engine = assertRan({ name: deviceName, device });
    const seconds = (clock.now() - began) / 1000;
    return {
      parameters: pupil.decoder.size,
      curve,
      right,
      timing: { device: deviceName, engine, machine, seconds },
    };
  } finally {
    pupil.decoder.dispose();
  }
}
