import { kv } from '@headwise/kv-cache';
import { type Decoder, type DecoderParts, decoderSpecs } from '@headwise/models';
import type { Device } from '@headwise/tensor';
import { IGNORED, languageModelLoss, TrainingError } from '@headwise/training';
import type { Clock } from '../clock.ts';
import { assertRan } from '../engines.ts';
import { messageOf, throwIfRefused, Unsupported } from '../errors.ts';
import type { Subject } from '../subjects.ts';
import { givenOptions } from '../suites/suite.ts';
import type { Cell } from '../sweep.ts';
import type { QualityCell, QualityComparison, QualityRecipe } from './contract.ts';
import type { Corpus } from './corpus.ts';
import {
  beginTraining,
  checkLoss,
  countOf,
  decoderParts,
  hiddenFor,
  learn,
  type Trainee,
} from './training.ts';

const DECODE_STEPS = 32;

/** What the cells of a sweep have in common. */
export interface QualityContext {
  readonly recipe: QualityRecipe;
  readonly corpus: Corpus;
  readonly subjects: readonly Subject[];
  readonly comparisons: readonly QualityComparison[];
  readonly device: Device;
  /** As asked for. */
  readonly deviceName: string;
  readonly machine: string;
  readonly clock: Pick<Clock, 'now'>;
}

/** All trainings: seeds outermost, so that a sweep that is cut short has every variant with fewer seeds. */
export function qualityCells(context: QualityContext): Cell<QualityCell>[] {
  return context.recipe.seeds.flatMap((seed) =>
    context.comparisons.flatMap((comparison) =>
      context.subjects
        // the baseline is the same at equal parameters and at equal compute
        .filter(
          ({ facts }) =>
            !(facts.baseline && comparison === 'equal-compute' && context.comparisons.length > 1),
        )
        .map((subject) => cellOf(context, subject, comparison, seed)),
    ),
  );
}

function cellOf(
  context: QualityContext,
  subject: Subject,
  comparison: QualityComparison,
  seed: number,
): Cell<QualityCell> {
  const id = `quality/${comparison}/${subject.facts.name}/${seed}`;
  const { digest } = subject;
  const head = {
    id,
    subject: subject.facts.name,
    comparison,
    seed,
    ...(digest !== undefined && { digest }),
  } as const;
  return {
    id,
    stale: (kept) => kept.digest !== digest || !follows(kept, context, subject, comparison),
    run: async (onStep, signal) => {
      try {
        const made = planOf(context, subject, comparison);
        return {
          ...head,
          status: 'ok',
          ...made.facts,
          ...(await trained(context, made, seed, onStep, signal)),
        };
      } catch (error) {
        const [status, reason] = verdictOf(context.device, error);
        return { ...head, status, reason };
      }
    },
  };
}

/** Whether a cell is a result of what would be trained now: another baseline gives other widths. What failed is tried again. */
function follows(
  kept: QualityCell,
  context: QualityContext,
  subject: Subject,
  comparison: QualityComparison,
): boolean {
  if (kept.status === 'diverged') return true;
  if (kept.status !== 'ok') return false;
  try {
    const { facts } = planOf(context, subject, comparison);
    const names = Object.keys(facts) as (keyof typeof facts)[];
    return names.every((name) => JSON.stringify(kept[name]) === JSON.stringify(facts[name]));
  } catch {
    return false;
  }
}

export function verdictOf(device: Device, error: unknown): readonly [QualityCell['status'], string] {
  if (error instanceof TrainingError) return ['diverged', messageOf(error)];
  try {
    throwIfRefused(device, error);
  } catch (refused) {
    return ['unsupported', messageOf(refused)];
  }
  return [error instanceof Unsupported ? 'unsupported' : 'failed', messageOf(error)];
}

interface Made {
  readonly parts: DecoderParts;
  readonly facts: Required<
    Pick<QualityCell, 'options' | 'parameters' | 'hidden' | 'steps' | 'flopsPerToken' | 'kv'>
  >;
}

/** The decoder of a subject, with the feed-forward width at which it has as many weights as the baseline's. */
function planOf(
  { recipe, corpus, subjects }: QualityContext,
  subject: Subject,
  comparison: QualityComparison,
): Made {
  if (subject.variant.variant.needsSource)
    throw new Unsupported('reads keys and values from a source; a decoder of one text has none');
  const baseline = subjects.find(({ facts }) => facts.baseline) ?? subject;
  const parts = (one: Subject, hidden: number): DecoderParts =>
    decoderParts(recipe.shape, corpus.V, hidden, recipe.T, { attention: one.variant });
  const hidden = hiddenFor(countOf(parts(baseline, recipe.hidden)), recipe.hidden, (width) =>
    parts(subject, width),
  );
  const own = parts(subject, hidden);
  const flops = flopsOf(recipe, subject, own);
  const share = flopsOf(recipe, baseline, parts(baseline, recipe.hidden)) / flops;
  const states = kv(Object.values(decoderSpecs(own)));
  return {
    parts: own,
    facts: {
      options: givenOptions(subject.variant.options),
      parameters: countOf(own),
      hidden,
      steps: comparison === 'equal-compute' ? Math.max(1, Math.round(recipe.steps * share)) : recipe.steps,
      flopsPerToken: Math.round(flops),
      kv: { elementsPerToken: states.elementsPerToken, bytesAtT: states.bytes({ tokens: recipe.T }) },
    },
  };
}

/** Six multiply-adds and adds a weight and token, forward and back (Kaplan et al. 2020, section 2.1), and those of scores. */
function flopsOf({ shape, T }: QualityRecipe, { variant }: Subject, parts: DecoderParts): number {
  const scores = Array.from({ length: shape.layers }, (_, layer) =>
    variant.cost(shape, { B: 1, Lq: T, Lk: T, layer }),
  ).reduce((sum, { attentionFlops }) => sum + attentionFlops, 0);
  return 6 * countOf(parts) + (3 * scores) / T;
}

async function trained(
  { recipe, corpus, device, deviceName, machine, clock }: QualityContext,
  { parts, facts }: Made,
  seed: number,
  onStep: (done: number, label: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Pick<QualityCell, 'curve' | 'nats' | 'timing'>> {
  const began = clock.now();
  const trainee = beginTraining(device, parts, seed);
  try {
    await refuseWhatSeesAhead(trainee, recipe);
    const curve = await learn(trainee, corpus, recipe, { steps: facts.steps, seed }, onStep, signal);
    if (signal.aborted) return {};
    const { T: L, B, checked: tokens } = recipe;
    const nats = await checkLoss(trainee, corpus, { L, B, tokens });
    const decodeMs = await decodeTimes(trainee.decoder, corpus, recipe, clock);
    const engine = assertRan({ name: deviceName, device });
    const seconds = (clock.now() - began) / 1000;
    return { curve, nats, timing: { device: deviceName, engine, machine, seconds, decodeMs } };
  } finally {
    trainee.decoder.dispose();
  }
}

/** @throws {Unsupported} if later tokens change the loss of earlier ones: a model that reads the answer learns nothing else. */
export async function refuseWhatSeesAhead(
  { decoder, weights }: Trainee,
  { T }: Pick<QualityRecipe, 'T'>,
): Promise<void> {
  const lossOf = languageModelLoss(decoder);
  /** Of the first `cut` tokens, with `later` in all places from there on. */
  const lossWith = async (cut: number, later: number): Promise<number> => {
    const ids = Array.from({ length: T }, (_, i) => (i < cut ? i % decoder.shape.V : later));
    const targets = ids.map((_, i) => (i < cut ? 0 : IGNORED));
    using loss = lossOf(weights, { ids: [ids], targets: [targets] });
    return (await loss.data())[0]!;
  };
  for (const cut of [1, T >> 1]) {
    const [one, other] = [await lossWith(cut, 0), await lossWith(cut, 1)];
    if (Math.abs(one - other) > 1e-4 * Math.abs(one))
      throw new Unsupported('lets tokens see later ones: the loss of a next token would read the answer');
  }
}

async function decodeTimes(
  decoder: Decoder,
  { check }: Corpus,
  { T }: QualityRecipe,
  clock: Pick<Clock, 'now'>,
): Promise<number[]> {
  const steps = Math.min(DECODE_STEPS, T - 1);
  using session = decoder.start({ capacity: T });
  const step = async (ids: readonly number[]): Promise<void> => {
    using logits = session.step(ids);
    await logits.data();
  };
  await step([...check.subarray(0, T - steps)]);
  const times: number[] = [];
  for (let i = T - steps; i < T; i++) {
    const began = clock.now();
    await step([check[i]!]);
    times.push(clock.now() - began);
  }
  return times;
}
