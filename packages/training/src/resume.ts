import type { Tensor } from '@headwise/tensor';
import type { Average } from './averages.ts';
import { TrainingError } from './errors.ts';
import type { OptimizerState } from './optimizers/state.ts';
import type { Params } from './params.ts';
import type { RunStore, SavedRun, SavedTensor } from './store.ts';

/** How evaluations stand. */
export interface Progress {
  best: { readonly step: number; readonly value: number } | undefined;
  worse: number;
}

/** Everything that moves in a run. */
export interface Moving {
  readonly params: Params;
  readonly state: OptimizerState;
  readonly average: Average | undefined;
}

/**
 * The run as it stands between two steps. It goes on from what is saved: on a device with more digits than a file (the
 * float64 reference) the tensors are rounded to what the file holds.
 *
 * @throws {DeviceError} if a tensor cannot be read.
 */
export async function snapshot(
  moving: Moving,
  facts: Readonly<Record<string, string>>,
  progress: Progress,
): Promise<SavedRun> {
  const tensors: Record<string, SavedTensor> = {};
  for (const [name, tensor] of Object.entries(namedIn(moving))) {
    const data = await tensor.data();
    tensors[name] = { shape: tensor.shape, data };
    tensor.write(0, data);
  }
  return {
    step: moving.state.step,
    tensors,
    facts: { ...facts, progress: JSON.stringify(progress) },
  };
}

/**
 * Goes on from what a store holds; a store without a run leaves everything as it is.
 * @throws {TrainingError} if it holds another run, saying what differs; nothing has changed then.
 */
export async function restore(
  store: RunStore,
  moving: Moving,
  facts: Readonly<Record<string, string>>,
): Promise<Progress> {
  const saved = await store.load();
  if (!saved) {
    await store.resumeLog?.(0);
    return { best: undefined, worse: 0 };
  }
  const tensors = namedIn(moving);
  const problems = differences(saved, tensors, facts);
  if (problems.length > 0) {
    const more = problems.length > 8 ? [`and ${problems.length - 8} more`] : [];
    const list = [...problems.slice(0, 8), ...more].map((problem) => `\n  - ${problem}`).join('');
    throw new TrainingError(
      0,
      `the saved run (step ${saved.step}) is another one; train it with what it was begun with, or begin in a new place${list}`,
    );
  }
  for (const [name, tensor] of Object.entries(tensors)) tensor.write(0, saved.tensors[name]!.data);
  moving.state.step = saved.step;
  await store.resumeLog?.(saved.step);
  return JSON.parse(saved.facts.progress ?? '{"worse":0}') as Progress;
}

function differences(
  saved: SavedRun,
  tensors: Readonly<Record<string, Tensor>>,
  facts: Readonly<Record<string, string>>,
): string[] {
  const { progress: _, ...before } = saved.facts;
  const keys = [...new Set([...Object.keys(before), ...Object.keys(facts)])];
  const names = [...new Set([...Object.keys(saved.tensors), ...Object.keys(tensors)])];
  return [
    ...keys
      .filter((key) => before[key] !== facts[key])
      .map((key) => `${key} was ${before[key] ?? 'not said'}, it is ${facts[key] ?? 'not said'}`),
    ...names.flatMap((name) => {
      const [was, is] = [saved.tensors[name]?.shape, tensors[name]?.shape];
      if (!was) return [`${name} [${is!.join(', ')}] is not in it`];
      if (!is) return [`it has ${name} [${was.join(', ')}], which is not here`];
      return String(was) === String(is) ? [] : [`${name} was [${was.join(', ')}], it is [${is.join(', ')}]`];
    }),
  ];
}

function namedIn({ params, state, average }: Moving): Readonly<Record<string, Tensor>> {
  const under = (prefix: string, tensors: Readonly<Record<string, Tensor>>): [string, Tensor][] =>
    Object.entries(tensors).map(([name, tensor]) => [`${prefix}/${name}`, tensor]);
  return Object.fromEntries([
    ...under('params', params),
    ...under('optimizer', state.tensors),
    ...under('average', average?.tensors ?? {}),
  ]);
}
