import { kv } from '@headwise/kv-cache';
import { decoderSpecs } from '@headwise/models';
import type { Device } from '@headwise/tensor';
import type { Params } from '@headwise/training';
import type { Clock } from '../../clock.ts';
import type { Cell } from '../../sweep.ts';
import { verdictOf } from '../cells.ts';
import type { QualityRecipe } from '../contract.ts';
import type { Corpus } from '../corpus.ts';
import { beginTraining, checkLoss, countOf, decoderParts, hiddenFor, learn } from '../training.ts';
import type { ClaimCell, Contender, ContenderResult } from './contract.ts';

export interface ClaimContext {
  readonly recipe: QualityRecipe;
  readonly corpus: Corpus;
  readonly contenders: readonly Contender[];
  readonly device: Device;
  readonly machine: string;
  readonly clock: Pick<Clock, 'now'>;
}

/** A cell a root and seed: the root is trained once for all that begin with what it learnt. */
export function claimCells(context: ClaimContext): Cell<ClaimCell>[] {
  const roots = context.contenders.filter(({ from }) => !from);
  return context.recipe.seeds.flatMap((seed) =>
    roots.map((root): Cell<ClaimCell> => {
      const id = `claims/${root.name}/${seed}`;
      return {
        id,
        stale: ({ results }) => Object.values(results).some(({ status }) => status === 'failed'),
        run: async (onStep, signal) => {
          const began = context.clock.now();
          const results = await familyOf(context, root, seed, onStep, signal);
          const seconds = (context.clock.now() - began) / 1000;
          return { id, seed, results, timing: { machine: context.machine, seconds } };
        },
      };
    }),
  );
}

async function familyOf(
  context: ClaimContext,
  root: Contender,
  seed: number,
  onStep: (done: number, label: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Record<string, ContenderResult>> {
  const children = context.contenders.filter(({ from }) => from?.contender === root.name);
  const results: Record<string, ContenderResult> = {};
  const learnt = await trial(context, root, seed, undefined, onStep, signal);
  results[root.name] = learnt.result;
  try {
    for (const child of children) {
      if (signal.aborted) break;
      if (!learnt.weights) {
        results[child.name] = {
          ...learnt.result,
          reason: `${root.name}, which it begins with: ${learnt.result.reason}`,
        };
        continue;
      }
      const weights = await child.from!.convert(context.device, learnt.weights, seed);
      const { result, dispose } = await trial(context, child, seed, weights, onStep, signal);
      results[child.name] = result;
      dispose();
    }
  } finally {
    learnt.dispose();
  }
  return results;
}

interface Trial {
  readonly result: ContenderResult;
  /** Where it was trained to the end. */
  readonly weights?: Params;
  readonly dispose: () => void;
}

async function trial(
  { recipe, corpus, contenders, device }: ClaimContext,
  contender: Contender,
  seed: number,
  weights: Params | undefined,
  onStep: (done: number, label: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Trial> {
  const { T, B, shape, checked: tokens } = recipe;
  const context = T * Math.max(1, ...(contender.past ?? []));
  const parts = (one: Contender, hidden: number) => decoderParts(shape, corpus.V, hidden, context, one);
  let dispose = (): void => {};
  try {
    const wanted = countOf(parts(contenders[0]!, recipe.hidden));
    // what begins with another's weights has its feed-forward
    const hidden = weights
      ? recipe.hidden
      : hiddenFor(wanted, recipe.hidden, (width) => parts(contender, width));
    const own = parts(contender, hidden);
    const trainee = beginTraining(device, own, seed, weights);
    dispose = () => trainee.decoder.dispose();
    const steps = Math.round(recipe.steps * (contender.share ?? 1));
    const step = (done: number, label: string) => onStep(done, `${contender.name}, ${label}`);
    // a short training that warms up for as long as a whole one would do nothing else
    const warmup = Math.ceil(recipe.warmup * (contender.share ?? 1));
    if (steps > 1) await learn(trainee, corpus, { ...recipe, warmup }, { steps, seed }, step, signal);
    const past: Record<string, number> = {};
    for (const times of contender.past ?? [])
      past[times * T] = await checkLoss(trainee, corpus, { L: times * T, B: 1, tokens, from: T });
    const result: ContenderResult = {
      status: 'ok',
      parameters: countOf(own),
      kvPerToken: kv(Object.values(decoderSpecs(own))).elementsPerToken,
      nats: await checkLoss(trainee, corpus, { L: T, B, tokens }),
      ...(contender.past && { past }),
    };
    return { result, weights: trainee.weights, dispose };
  } catch (error) {
    const [status, reason] = verdictOf(device, error);
    return { result: { status: status as ContenderResult['status'], reason }, dispose };
  }
}
