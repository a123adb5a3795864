import { tasks } from '../../views/training/tasks.ts';
import { type Kept, type Look, type Recipe, Trainee, trainable } from '../../views/training/trainee.ts';
import type { HandlerContext } from '../handler.ts';

declare module '../engine.ts' {
  interface Asks {
    'training.variants': { params: undefined; result: readonly string[] };
    'training.run': { params: TrainParams; result: TrainEnd; progress: TrainNews };
    'training.forget': { params: undefined; result: undefined };
  }
}

/** What is to be trained; what is there of it already is gone on with. */
export interface TrainParams {
  readonly task: string;
  readonly variant: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** Steps in all. */
  readonly steps: number;
  /** Steps between two looks at the attention. */
  readonly every: number;
}

export type TrainNews =
  | {
      readonly kind: 'began';
      readonly step: number;
      readonly parameters: number;
      readonly device: string;
      readonly kept: Kept | undefined;
    }
  | { readonly kind: 'looked'; readonly step: number; readonly look: Look }
  | {
      readonly kind: 'steps';
      /** Step and loss of each. */
      readonly points: readonly (readonly [step: number, loss: number])[];
      readonly perSecond: number;
    };

export interface TrainEnd {
  readonly step: number;
}

/** Milliseconds between two messages, and between two chances for a message to come in. */
const NEWS_MS = 250;

let trainee: Trainee | undefined;
/** One trains at a time: a run that is given up ends its step first. */
let last: Promise<unknown> = Promise.resolve();

/** Variants that can be trained. */
export const variants = (): readonly string[] => trainable();

/** Frees what was trained; the next run begins anew. */
export async function forget(): Promise<undefined> {
  await last.catch(() => {});
  trainee?.dispose();
  trainee = undefined;
}

/** Trains until the steps are made, or the question is given up: then everything stays as it is after the step in hand. */
export function run(params: TrainParams, context: HandlerContext): Promise<TrainEnd> {
  const running = last.catch(() => {}).then(() => trainOn(params, context));
  last = running;
  return running;
}

async function trainOn(
  params: TrainParams,
  { device, signal, onProgress }: HandlerContext,
): Promise<TrainEnd> {
  signal.throwIfAborted();
  const say = (news: TrainNews): void => onProgress(news);
  const task = tasks[params.task];
  if (!task) throw new Error(`there is no task “${params.task}”; there are ${Object.keys(tasks).join(', ')}`);
  const { variant, options, seed, steps, every } = params;
  const now = await traineeFor({ task, variant, options, seed }, await device());
  say({ kind: 'began', step: now.step, parameters: now.parameters, device: now.device.name, kept: now.kept });
  const look = async (): Promise<void> => say({ kind: 'looked', step: now.step, look: await now.look() });
  await look();
  const points: [number, number][] = [];
  let [began, count] = [performance.now(), 0];
  const flush = (): void => {
    const ms = performance.now() - began;
    if (points.length > 0) say({ kind: 'steps', points: points.splice(0), perSecond: (1000 * count) / ms });
    [began, count] = [performance.now(), 0];
  };
  for await (const { step, loss } of now.run(steps, signal)) {
    points.push([step, loss]);
    count++;
    const looks = step % every === 0 || step === steps;
    if (looks || performance.now() - began > NEWS_MS) {
      flush();
      await macrotask();
    }
    if (looks) {
      await look();
      began = performance.now();
    }
  }
  flush();
  return { step: now.step };
}

async function traineeFor(recipe: Recipe, device: Trainee['device']): Promise<Trainee> {
  if (trainee?.device === device && trainee.is(recipe)) return trainee;
  const before = trainee;
  // another task has another vocabulary: nothing of the old one is of use
  const next =
    before && before.device === device && before.task === recipe.task
      ? await before.becoming(recipe)
      : Trainee.begin(device, recipe);
  before?.dispose();
  trainee = next;
  return next;
}

/** Lets messages in: a promise alone would not. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = () => {
      port1.close();
      resolve();
    };
    port1.postMessage(undefined);
  });
}
