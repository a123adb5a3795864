import {
  add,
  binary,
  keep,
  type Loss,
  scope,
  Tensor,
  tensor,
  ValueError,
  valueAndGrad,
} from '@headwise/tensor';
import { Average } from './averages.ts';
import type { Batches } from './data/contract.ts';
import type { DropoutClock } from './dropout.ts';
import { TrainingError } from './errors.ts';
import { firstBroken } from './first-broken.ts';
import type { Optimizer } from './optimizers/contract.ts';
import { globalNorm } from './optimizers/rules.ts';
import { OptimizerState } from './optimizers/state.ts';
import { checkSame, mapParams, type Params } from './params.ts';
import { type Progress, restore, snapshot } from './resume.ts';
import type { Schedule } from './schedules.ts';
import type { RunStore } from './store.ts';

/** Looking at a model while it learns. */
export interface Evaluation {
  /** After every so many steps, and after the last. */
  readonly every: number;
  /** A number that is better when it is smaller: a loss on texts that are not trained on. */
  readonly run: (step: number) => Promise<number> | number;
  /** Ends the run when so many evaluations in a row were no better than the best. Default never. */
  readonly patience?: number | undefined;
}

/** What a run is made of. */
export interface TrainOptions<Batch> {
  /** Moved in place. They stay the caller's. */
  readonly params: Params;
  /** The loss of a batch, a single number; may read `params` or a model made of these very tensors. */
  readonly loss: (params: Params, batch: Batch, step: number) => Loss;
  readonly data: Batches<Batch>;
  readonly optimizer: Optimizer;
  readonly rate: Schedule;
  readonly steps: number;
  /** Batches whose mean gradient makes one step. Default 1. */
  readonly accumulate?: number | undefined;
  /** Is told the number of the step: for dropout. */
  readonly clock?: DropoutClock | undefined;
  readonly evaluation?: Evaluation | undefined;
  /** Decay of an exponential average of the parameters, which `evaluation` then may use. Default none. */
  readonly average?: number | undefined;
  /** Where the run keeps itself; it goes on from what is there. Default nowhere. */
  readonly store?: RunStore | undefined;
  /** Steps between two saves. Default 100; after the last step, and when the signal ends the run, it is saved too. */
  readonly saveEvery?: number | undefined;
  /** What else must be the same when a run goes on: `{ data: 'stories', seed: '1' }`. */
  readonly facts?: Readonly<Record<string, string>> | undefined;
  /** Parameters that need no gradient: frozen ones are better left out of `params`. Default none. */
  readonly mayBeUnused?: ((name: string) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One step that was made. */
export interface StepReport {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly rate: number;
  /** Global norm of the gradients, before the optimizer's rules. */
  readonly norm: number;
  /** What the evaluation said, after the steps at which there was one. */
  readonly evaluation?: number | undefined;
  /** The run was saved after this step. */
  readonly saved: boolean;
}

/** How a run ended. */
export interface TrainSummary {
  readonly step: number;
  readonly reason: 'steps' | 'patience' | 'aborted';
  /** The best evaluation, and after which step. */
  readonly best?: { readonly step: number; readonly value: number } | undefined;
}

/**
 * Trains: step by step, reporting each. A run with a store goes on where it was saved, and is then the same as one that
 * was never interrupted, bit for bit: weights, optimizer, average, data order and random numbers are functions of what is
 * saved and of the number of the step. (On the float64 reference: one that was saved after the same steps.)
 *
 * @throws {ValueError} for options out of range.
 * @throws {TrainingError} before the second step if a parameter gets no gradient; when the loss or a gradient is no number,
 * naming the first tensor that was none; if a parameter has another shape than when the run began; if the store holds a run of another model, optimizer or other `facts`.
 * @throws {DeviceError} if the device cannot run a rule, before any parameter has moved.
 * @throws what `loss`, `evaluation.run` and the store throw; the parameters are then those of the last step that was made.
 * @example
 * for await (const { step, loss } of train({ params, loss, data, optimizer: adamW(), rate: constant(1e-3), steps: 500 }))
 *   console.log(step, loss);
 */
export async function* train<Batch>(options: TrainOptions<Batch>): AsyncGenerator<StepReport, TrainSummary> {
  const { params, optimizer, rate, steps, evaluation, store, saveEvery = 100, signal } = options;
  checkOptions(options);
  using state = new OptimizerState(optimizer, params);
  const shapes = Object.entries(params).map(([name, { shape }]) => [name, shape] as const);
  using average = options.average === undefined ? undefined : new Average(params, options.average);
  const kept = { params, state, average };
  const facts = { optimizer: describe(optimizer), ...options.facts };
  const progress: Progress = store ? await restore(store, kept, facts) : { best: undefined, worse: 0 };
  const end = (reason: TrainSummary['reason']): TrainSummary => ({
    step: state.step,
    reason,
    best: progress.best,
  });
  const save = async (): Promise<void> => store?.save(await snapshot(kept, facts, progress));

  try {
    while (state.step < steps) {
      if (signal?.aborted) {
        await save();
        return end('aborted');
      }
      const step = state.step + 1;
      checkShapes(params, shapes, step);
      const { loss, norm } = await oneStep(options, state, rate(step));
      average?.update();
      const isLast = step === steps;
      const looks = evaluation && (isLast || step % evaluation.every === 0);
      if (options.clock && looks) options.clock.step = 0;
      const value = looks ? await evaluation.run(step) : undefined;
      const isOver =
        value !== undefined && weigh(progress, step, value) >= (evaluation?.patience ?? Infinity);
      const saved = store !== undefined && (isLast || isOver || step % saveEvery === 0);
      const report = { step, steps, loss, rate: rate(step), norm, evaluation: value, saved };
      // before the state: a run that goes on forgets what the log has beyond its state, and could not make up what it lacks
      await store?.log?.(report);
      if (saved) await save();
      yield report;
      if (isOver) return end('patience');
    }
    return end('steps');
  } finally {
    // what is asked of the model from here on is no training
    if (options.clock) options.clock.step = 0;
  }
}

/** One step: gradients of all batches, then the optimizer. What it computed with is freed. */
async function oneStep<Batch>(
  options: TrainOptions<Batch>,
  state: OptimizerState,
  rate: number,
): Promise<{ loss: number; norm: number }> {
  const { params, data, accumulate = 1, clock } = options;
  const step = state.step + 1;
  if (clock) clock.step = step;
  const batches = Array.from({ length: accumulate }, (_, i) => data.batch((step - 1) * accumulate + i));
  const { loss, grads, norm, unused } = gradientsOf(options, batches, step);
  try {
    if (state.step === 0 || unused.length > 0) checkUsed(options, unused, step);
    const [lossNow, normNow] = await Promise.all([loss.data(), norm.data()]);
    const [value, size] = [lossNow[0]!, normNow[0]!];
    if (!Number.isFinite(value) || !Number.isFinite(size))
      throw new TrainingError(step, await firstBroken(options, batches, step, { loss: value, norm: size }));
    checkSame('train', params, grads, 'gradients');
    state.apply(grads, rate, norm);
    return { loss: value, norm: size };
  } finally {
    for (const made of [loss, norm, ...Object.values(grads)]) made.dispose();
  }
}

/** Mean loss and gradients of several batches, which the caller frees. */
function gradientsOf<Batch>(
  { loss: lossOf, params }: TrainOptions<Batch>,
  batches: readonly Batch[],
  step: number,
): { loss: Tensor; norm: Tensor; grads: Record<string, Tensor>; unused: readonly string[] } {
  const both = valueAndGrad((trained: Params, batch: Batch) => lossOf(trained, batch, step));
  return scope(() => {
    let sum: { loss: Tensor; grads: Params; unused: readonly string[] } | undefined;
    for (const batch of batches) {
      const { value, grads, unused } = both(params, batch);
      const loss = Tensor.isInstance(value) ? value : value.loss;
      sum = sum
        ? {
            loss: add(sum.loss, loss.reshape(sum.loss.shape)),
            grads: mapParams(sum.grads, (gradient, name) => add(gradient, grads[name]!)),
            unused: sum.unused.filter((name) => unused.includes(name)),
          }
        : { loss, grads, unused };
    }
    const { loss, grads, unused } = sum!;
    const share = tensor(loss.device, [1 / batches.length], []);
    const mean = (x: Tensor): Tensor => (batches.length === 1 ? x : binary(x, share, 'multiply'));
    const means = mapParams(grads, (gradient) => keep(mean(gradient)));
    return { loss: keep(mean(loss)), norm: keep(globalNorm(means)), grads: means, unused };
  });
}

/** @returns how many evaluations in a row were no better than the best. */
function weigh(progress: Progress, step: number, value: number): number {
  if (progress.best === undefined || value < progress.best.value) {
    progress.best = { step, value };
    progress.worse = 0;
  } else progress.worse += 1;
  return progress.worse;
}

function checkUsed<Batch>(
  { mayBeUnused = () => false }: TrainOptions<Batch>,
  unused: readonly string[],
  step: number,
): void {
  const idle = unused.filter((name) => !mayBeUnused(name));
  if (idle.length === 0) return;
  const more = idle.length > 8 ? `, and ${idle.length - 8} more` : '';
  throw new TrainingError(
    step,
    `the loss does not depend on ${idle.slice(0, 8).join(', ')}${more}; leave them out of params, or allow it by mayBeUnused`,
  );
}

/** Another tensor in the place of one would be trained by the optimizer's state of the first. */
function checkShapes(
  params: Params,
  begun: readonly (readonly [name: string, shape: readonly number[]])[],
  step: number,
): void {
  for (const [name, shape] of begun)
    if (String(params[name]?.shape) !== String(shape))
      throw new TrainingError(
        step,
        `the parameter ${name} was [${shape.join(', ')}] when the run began, before step ${step} it is ${params[name] ? `[${params[name].shape.join(', ')}]` : 'gone'}; begin a new run`,
      );
}

function checkOptions<Batch>(options: TrainOptions<Batch>): void {
  const { params, steps, accumulate = 1, saveEvery = 100, evaluation } = options;
  const counts = { steps, accumulate, saveEvery, 'evaluation.every': evaluation?.every ?? 1 };
  for (const [name, count] of Object.entries(counts))
    if (!Number.isSafeInteger(count) || count < 1)
      throw new ValueError('train', name, 'must be a whole number ≥ 1', count);
  if (Object.keys(params).length === 0)
    throw new ValueError('train', 'params', 'must be at least one tensor', 'none');
}

function describe({ name, rules }: Optimizer): string {
  return `${name} (${rules.map((rule) => rule.name).join(', ')})`;
}
