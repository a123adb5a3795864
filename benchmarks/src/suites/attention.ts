import type { LayerShape } from '@headwise/attention-variants';
import { kv } from '@headwise/kv-cache';
import { casesFor, checkOnDevice } from '../check.ts';
import type { Engine } from '../engines.ts';
import { messageOf } from '../errors.ts';
import { formatBytes, formatContext } from '../format.ts';
import type { KvBytes, Work } from '../results.ts';
import { layersOf, Stack, specsOf } from '../stack.ts';
import type { Subject } from '../subjects.ts';
import { deviceLabel } from '../views.ts';
import {
  type CheckPlan,
  controlOf,
  type GroupPlan,
  givenOptions,
  type PlanContext,
  type RowPlan,
  sizesOf,
} from './suite.ts';
import { type TimedWork, timedOn } from './timed.ts';

type Phase = 'prefill' | 'decode';

/** Steps of decoding that a sample may hold: the caches have room for so many. */
const MOST_STEPS = 16;

/** Bytes of a number on every device. */
const FLOAT = 4;

/**
 * Attention layers alone, at several contexts: prefill of a whole prompt, and the step of decoding that brings a sequence
 * to a length. Equal shape: every variant has the same width, heads and depth.
 */
export function planAttention(context: PlanContext): GroupPlan[] {
  const { profile, engines } = context;
  return engines.flatMap((engine, index) =>
    (['prefill', 'decode'] as const).flatMap((phase) => {
      const all = [...profile[phase]].sort((a, b) => a - b);
      const contexts = index === 0 ? all : all.slice(0, profile.contextsElsewhere);
      return profile.batch.flatMap((batch) =>
        contexts.map((length) => planGroup(context, engine, { phase, length, batch, contexts })),
      );
    }),
  );
}

interface Place {
  readonly phase: Phase;
  readonly length: number;
  readonly batch: number;
  /** All contexts of the phase on this device: they are checked together. */
  readonly contexts: readonly number[];
}

function planGroup(context: PlanContext, engine: Engine, place: Place): GroupPlan {
  const { phase, length, batch, contexts } = place;
  const id = `attention/${engine.name}/equal-shape/${phase}/${length}/b${batch}`;
  const rows = context.subjects.map((subject) => planRow(context, engine, subject, place, id));
  const baseline = context.subjects.findIndex(({ facts }) => facts.baseline);
  // under the shortest context: a long one has no time to spare
  if (baseline >= 0 && length === contexts[0]) rows.push(controlOf(rows[baseline]!));
  const label = `${phase} ${formatContext(length)}${batch > 1 ? ` × ${batch}` : ''} on ${deviceLabel({ device: engine.name, emulated: engine.emulated })}`;
  return { id, label, rows };
}

function planRow(
  context: PlanContext,
  engine: Engine,
  subject: Subject,
  place: Place,
  group: string,
): RowPlan {
  const { shape } = context.profile;
  const { phase, length, batch } = place;
  const { variant, facts } = subject;
  const baseline = context.subjects.find((candidate) => candidate.facts.baseline);
  const head = {
    id: `${group}/${facts.name}`,
    suite: 'attention',
    device: engine.name,
    emulated: engine.emulated,
    subject: facts.name,
    comparison: 'equal-shape',
    phase,
    context: length,
    batch,
    shape: sizesOf(shape),
    options: givenOptions(variant.options),
    group,
    ...(baseline && !facts.baseline && { baseline: `${group}/${baseline.facts.name}` }),
  } as const;
  const queries = phase === 'prefill' ? length : 1;
  let planned: Pick<RowPlan, 'needs'> & { readonly work: Work };
  try {
    variant.check(shape);
    planned = {
      work: workOf(subject, shape, { B: batch, Lq: queries, Lk: length }),
      needs: needsOf(subject, shape, place),
    };
  } catch (error) {
    const needs = { bytes: 0, what: '' };
    return { head, engine, needs, unsupported: messageOf(error), prepare: () => Promise.reject(error) };
  }
  return {
    head: { ...head, work: planned.work },
    engine,
    check: planCheck(context, engine, subject, place),
    needs: planned.needs,
    divideBy: shape.layers,
    // a prompt fills its caches: they are emptied between calls, outside the clock
    maxCalls: phase === 'decode' ? Math.min(MOST_STEPS, length) : 1,
    prepare: async (tell) => {
      const stack = new Stack({
        device: engine.device,
        variant,
        shape,
        B: batch,
        capacity: length,
        seed: context.seed,
      });
      tell({ parameters: stack.parameters, kv: kvOf(subject, shape, place, stack.stateBytes) });
      const work = phase === 'prefill' ? prefill(stack, length) : decode(stack, length);
      return timedOn(engine, tell, work);
    },
  };
}

/** One call: the whole prompt through empty caches. */
function prefill(stack: Stack, L: number): TimedWork {
  const x = stack.input(L);
  const positions = stack.positions(0, L);
  return {
    ownBytes: stack.ownBytes,
    reset: () => stack.fill(0),
    call: () => stack.runOnly(x, positions),
    dispose: () => stack.dispose(),
  };
}

/** One call: the token that brings the sequence to length L (or one of the last few that lead there). */
function decode(stack: Stack, L: number): TimedWork {
  const x = stack.input(1);
  const steps = Math.min(MOST_STEPS, L);
  const positions = Array.from({ length: steps }, (_, i) => stack.positions(L - steps + i, 1));
  let next = 0;
  return {
    ownBytes: stack.ownBytes,
    reset: (calls) => {
      stack.fill(L - calls);
      next = steps - calls;
    },
    call: () => stack.runOnly(x, positions[next++]!),
    dispose: () => stack.dispose(),
  };
}

function planCheck(
  { profile, answers, seed }: PlanContext,
  { name, device }: Engine,
  { variant, facts }: Subject,
  { phase, batch, contexts }: Place,
): CheckPlan {
  const { shape } = profile;
  const label = `${facts.name} on ${name}: ${phase}`;
  return {
    key: `${name} ${facts.name} ${phase} b${batch}`,
    label,
    run: (onCase) =>
      checkOnDevice(
        device,
        answers,
        variant,
        {
          shape,
          B: batch,
          seed,
          cases: casesFor(variant, shape, batch, phase, contexts, profile.checkWholeBelow),
        },
        (check) => onCase(`${label} ${check.before + check.L}`),
      ),
  };
}

/** Work of one call per layer: sums over the stack, divided by its depth. */
export function workOf(
  { variant }: Subject,
  shape: LayerShape,
  call: { readonly B: number; readonly Lq: number; readonly Lk: number },
): Work {
  const costs = layersOf(shape).map((layer) => variant.cost(shape, { ...call, layer }));
  const mean = (of: (cost: (typeof costs)[number]) => number): number =>
    costs.reduce((sum, cost) => sum + of(cost), 0) / costs.length;
  return {
    tokens: call.B * call.Lq,
    flops: mean(({ flops }) => flops),
    attentionFlops: mean(({ attentionFlops }) => attentionFlops),
    stateBytes: FLOAT * mean(({ stateReads }) => stateReads),
    weightBytes: FLOAT * mean(({ weightReads }) => weightReads),
  };
}

function kvOf({ variant }: Subject, shape: LayerShape, place: Place, allocatedBytes: number): KvBytes {
  const footprint = kv(specsOf(variant, shape));
  const { length, batch } = place;
  const formulaBytes = footprint.bytes({ tokens: length, B: batch });
  return {
    elementsPerToken: footprint.elementsPerToken,
    formulaBytes,
    slotBytes: footprint.deviceBytes({ capacity: length, B: batch }) - formulaBytes,
    allocatedBytes,
  };
}

function needsOf({ variant }: Subject, shape: LayerShape, { length, batch, phase }: Place): RowPlan['needs'] {
  const caches = kv(specsOf(variant, shape)).deviceBytes({ capacity: length, B: batch });
  const queries = phase === 'prefill' ? length : 1;
  const activations = FLOAT * batch * queries * (8 * shape.E + 4 * shape.H * shape.D);
  // an engine copies keys and values into memory of its own; the reference holds them in 8 bytes, beside their source
  return { bytes: 5 * caches + activations, what: `caches ${formatBytes(caches)}` };
}
