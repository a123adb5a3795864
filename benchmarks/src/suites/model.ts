import type { LayerShape } from '@headwise/attention-variants';
import { kv } from '@headwise/kv-cache';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  type Decoder,
  type DecoderParts,
  decoderParameters,
  decoderSpecs,
  type Session,
} from '@headwise/models';
import { rotary } from '@headwise/positional';
import { type Device, keep, sizeOf, tensor } from '@headwise/tensor';
import { TOLERANCE } from '../check.ts';
import type { Engine } from '../engines.ts';
import { messageOf, throwIfRefused, Unsupported } from '../errors.ts';
import { formatBytes } from '../format.ts';
import type { ModelProfile } from '../profiles.ts';
import { randomValues } from '../random.ts';
import type { CheckReport, Comparison } from '../results.ts';
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

/** Steps of decoding after the prompt before the text is begun anew. */
const STEPS = 64;

const phases = ['first token', 'next token'] as const;

/**
 * The same decoder with each variant: token ids in, the id of the next token out. Twice, never mixed: with equal width
 * and depth, and with equal parameters, where the feed-forward width makes up for what the attention saves or costs
 * (as in the GQA paper, section 3).
 */
export function planModel(context: PlanContext): GroupPlan[] {
  const [engine] = context.engines;
  if (!engine) return [];
  return (['equal-shape', 'equal-parameters'] as const).flatMap((comparison) =>
    phases.map((phase): GroupPlan => {
      const { prompt } = context.profile.model;
      const id = `model/${engine.name}/${comparison}/${phase.replace(' ', '-')}/${prompt}/b1`;
      const label = `decoder, ${phase}, ${comparison.replace('-', ' ')}, on ${deviceLabel({ device: engine.name, emulated: engine.emulated })}`;
      const rows = context.subjects.map((subject) =>
        planRow(context, engine, subject, comparison, phase, id),
      );
      const baseline = context.subjects.findIndex(({ facts }) => facts.baseline);
      if (baseline >= 0) rows.push(controlOf(rows[baseline]!));
      return { id, label, rows };
    }),
  );
}

function planRow(
  context: PlanContext,
  engine: Engine,
  subject: Subject,
  comparison: Comparison,
  phase: (typeof phases)[number],
  group: string,
): RowPlan {
  const { model } = context.profile;
  const { facts, variant } = subject;
  const baseline = context.subjects.find((candidate) => candidate.facts.baseline);
  const head = {
    id: `${group}/${facts.name}`,
    suite: 'model',
    device: engine.name,
    emulated: engine.emulated,
    subject: facts.name,
    comparison,
    phase,
    context: model.prompt,
    batch: 1,
    options: givenOptions(variant.options),
    group,
    ...(baseline && !facts.baseline && { baseline: `${group}/${baseline.facts.name}` }),
  } as const;
  let parts: DecoderParts;
  try {
    if (variant.variant.needsSource)
      throw new Unsupported('reads keys and values from a source; a decoder of one text has none');
    const hidden =
      comparison === 'equal-shape' || !baseline ? model.hidden : equalHidden(model, subject, baseline);
    parts = partsOf(model, subject, hidden);
    decoderParameters(parts); // refuses a shape that the variant cannot take
  } catch (error) {
    const needs = { bytes: 0, what: '' };
    return {
      head: { ...head, shape: sizesOf(model.shape) },
      engine,
      needs,
      unsupported: messageOf(error),
      prepare: () => Promise.reject(),
    };
  }
  const parameters = countOf(parts);
  const capacity = model.prompt + STEPS;
  const caches = kv(Object.values(decoderSpecs(parts))).deviceBytes({ capacity });
  return {
    head: { ...head, shape: shapeOf(model, parts), parameters },
    engine,
    check: planCheck(context, engine, subject, comparison, parts),
    needs: { bytes: 4 * (4 * parameters + caches), what: `weights ${formatBytes(4 * parameters)}` },
    maxCalls: phase === 'next token' ? 16 : 1,
    prepare: async (tell) => {
      const { device } = engine;
      const before = device.memory.liveBytes;
      const decoder = decoderOn(device, parts, context.seed);
      const weights = device.memory.liveBytes;
      const session = decoder.start({ capacity });
      tell({
        parameters: decoder.size,
        kv: {
          elementsPerToken: kv(decoder.specs).elementsPerToken,
          formulaBytes: kv(decoder.specs).bytes({ tokens: capacity }),
          slotBytes: caches - kv(decoder.specs).bytes({ tokens: capacity }),
          allocatedBytes: device.memory.liveBytes - weights,
        },
      });
      const work = new TextWork(
        decoder,
        session,
        promptOf(model),
        capacity,
        device.memory.liveBytes - before,
      );
      return timedOn(engine, tell, phase === 'first token' ? work.firstToken() : work.nextToken());
    },
  };
}

/** A text that is begun again and again. */
class TextWork {
  readonly #decoder: Decoder;
  #session: Session;
  readonly #prompt: readonly number[];
  readonly #capacity: number;
  readonly #ownBytes: number;

  constructor(
    decoder: Decoder,
    session: Session,
    prompt: readonly number[],
    capacity: number,
    ownBytes: number,
  ) {
    this.#decoder = decoder;
    this.#session = session;
    this.#prompt = prompt;
    this.#capacity = capacity;
    this.#ownBytes = ownBytes;
  }

  /** From the prompt's ids to the id that follows: prefill, logits read, the largest chosen. */
  firstToken(): TimedWork {
    return {
      ...this.#shared(),
      reset: () => this.#begin(),
      call: async () => {
        await nextId(this.#session, this.#prompt);
      },
    };
  }

  /** From one id to the next, after the prompt. */
  nextToken(): TimedWork {
    let id = 0;
    return {
      ...this.#shared(),
      reset: async (calls) => {
        if (this.#session.length > 0 && this.#session.length + calls <= this.#capacity) return;
        this.#begin();
        id = await nextId(this.#session, this.#prompt);
      },
      call: async () => {
        id = await nextId(this.#session, [id]);
      },
    };
  }

  #shared(): { readonly ownBytes: number; readonly dispose: () => void } {
    return {
      ownBytes: this.#ownBytes,
      dispose: () => {
        this.#session.dispose();
        this.#decoder.dispose();
      },
    };
  }

  #begin(): void {
    this.#session.dispose();
    this.#session = this.#decoder.start({ capacity: this.#capacity });
  }
}

async function nextId(session: Session, ids: readonly number[]): Promise<number> {
  const logits = session.step(ids);
  const values = await logits.data();
  logits.dispose();
  let best = 0;
  for (let id = 1; id < values.length; id++) if (values[id]! > values[best]!) best = id;
  return best;
}

function planCheck(
  { answers, seed, profile }: PlanContext,
  { name, device }: Engine,
  { facts }: Subject,
  comparison: Comparison,
  parts: DecoderParts,
): CheckPlan {
  const label = `decoder with ${facts.name} on ${name}, ${comparison.replace('-', ' ')}`;
  // an odd prompt, then single steps
  const prompt = promptOf(profile.model).slice(0, Math.max(3, profile.model.prompt | 1));
  const chunks = [prompt.slice(0, -3), ...prompt.slice(-3).map((id) => [id])];
  return {
    key: `${name} ${facts.name} model ${comparison}`,
    label,
    run: async (onCase) => {
      await onCase(label);
      const want = await answers.remember(`model ${comparison} ${facts.name} ${facts.order}`, (reference) =>
        logitsOf(reference, parts, seed, chunks),
      );
      try {
        return compareLogits(await logitsOf(device, parts, seed, chunks), want, chunks);
      } catch (error) {
        throwIfRefused(device, error);
        return { ...emptyReport, reason: `threw: ${messageOf(error)}` };
      }
    },
  };
}

const emptyReport: CheckReport = { passed: false, cases: [], worst: 0, worstAt: '', tolerance: TOLERANCE };

async function logitsOf(
  device: Device,
  parts: DecoderParts,
  seed: number,
  chunks: readonly (readonly number[])[],
): Promise<readonly Float32Array[]> {
  const decoder = decoderOn(device, parts, seed);
  const session = decoder.start({ capacity: chunks.flat().length });
  try {
    const all: Float32Array[] = [];
    for (const ids of chunks) {
      const logits = session.step(ids);
      all.push(await logits.data());
      logits.dispose();
    }
    return all;
  } finally {
    session.dispose();
    decoder.dispose();
  }
}

function compareLogits(
  got: readonly Float32Array[],
  want: readonly Float32Array[],
  chunks: readonly (readonly number[])[],
): CheckReport {
  let worst = 0;
  let worstAt = '';
  let reason: string | undefined;
  for (const [step, values] of got.entries()) {
    for (let id = 0; id < values.length; id++) {
      const error = Math.abs(values[id]! - want[step]![id]!);
      const at = `after ${step + 1} calls, logit ${id}`;
      // logits are sums over all layers: ten times the room of one layer
      if (!(error <= 10 * (TOLERANCE.atol + TOLERANCE.rtol * Math.abs(want[step]![id]!))))
        reason ??= `differs from the reference ${at}: got ${values[id]}, want ${want[step]![id]}`;
      if (!(error <= worst)) [worst, worstAt] = [Number.isNaN(error) ? Infinity : error, at];
    }
  }
  return {
    passed: reason === undefined,
    cases: [`prompt of ${chunks[0]!.length} tokens`, `${chunks.length - 1} steps`],
    worst,
    worstAt,
    tolerance: { atol: 10 * TOLERANCE.atol, rtol: 10 * TOLERANCE.rtol },
    ...(reason !== undefined && { reason }),
  };
}

function partsOf({ shape, vocabulary }: ModelProfile, { variant }: Subject, hidden: number): DecoderParts {
  const norm = createRmsNorm();
  const position = rotary({ base: 10_000 });
  const mlp = createSwiglu({ F: hidden });
  return {
    shape: { ...shape, V: vocabulary },
    blocks: block({ attention: variant, position, norm, mlp }),
    norm,
  };
}

/** The feed-forward width at which the decoder has as many weights as the baseline's, to the nearest whole one. */
export function equalHidden(model: ModelProfile, subject: Subject, baseline: Subject): number {
  const at = (one: Subject, hidden: number): number => countOf(partsOf(model, one, hidden));
  const perUnit = at(subject, model.hidden + 1) - at(subject, model.hidden);
  const missing = at(baseline, model.hidden) - at(subject, model.hidden);
  return Math.max(1, model.hidden + Math.round(missing / perUnit));
}

export function countOf(parts: DecoderParts): number {
  return Object.values(decoderParameters(parts)).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

function shapeOf({ shape, vocabulary }: ModelProfile, parts: DecoderParts): Record<string, number> {
  const hidden = decoderParameters(parts)['layers.0.mlp.up']?.[0] ?? 0;
  return { ...sizesOf(shape as LayerShape), hidden, V: vocabulary };
}

function decoderOn(device: Device, parts: DecoderParts, seed: number): Decoder {
  const weights = Object.entries(decoderParameters(parts)).map(([name, shape], i) => {
    const values = /norm\.weight$/i.test(name)
      ? new Float32Array(sizeOf(shape)).fill(1)
      : // uniform with variance 1 / fan-in, so that activations keep their size through the layers
        randomValues(sizeOf(shape), seed + i, shape.length > 1 ? Math.sqrt(3 / shape.at(-1)!) : 0.5);
    return [name, keep(tensor(device, values, shape))];
  });
  return createDecoder({ ...parts, device, weights: Object.fromEntries(weights) });
}

function promptOf({ prompt, vocabulary }: ModelProfile): number[] {
  return Array.from({ length: prompt + 1 }, (_, i) => (i * 37 + 11) % vocabulary).slice(0, prompt);
}
