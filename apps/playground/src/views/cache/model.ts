import type { ConfiguredVariant } from '@headwise/attention-variants';
import {
  type Cache,
  type CacheKind,
  type CacheOptions,
  createStates,
  type Quantization,
  type StorageType,
} from '@headwise/kv-cache';
import { caches } from '@headwise/kv-cache/registry';
import type { Decoder, Tokenizer } from '@headwise/models';
import { chain, createSampler, draw, temperature, topK } from '@headwise/sampling';
import {
  createReference,
  type LayerSpec,
  type PositionEncoding,
  type StateKind,
  ValueError,
} from '@headwise/tensor';
import { choicesOf } from '../choices.ts';
import type { CacheSetup, Frame, Run } from './picture.ts';
import { statePicture } from './snapshot.ts';

/** A decoder, and what it is made of. */
export interface RunModel {
  readonly decoder: Decoder;
  readonly attention: ConfiguredVariant;
  /** What turns its queries and keys, for a cache that turns them itself. */
  readonly position: PositionEncoding | undefined;
  /** Where its weights come from, in words. */
  readonly weights: string;
}

/** What a run needs beside the model. */
export interface RunOptions {
  readonly tokenizer: Pick<Tokenizer, 'encode'>;
  /** Text of each id. */
  readonly textOf: (id: number) => string;
  readonly signal?: AbortSignal | undefined;
  readonly onFrame?: ((frame: Frame) => void) | undefined;
  /** Lets others speak between two steps. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** What a menu needs of each kind of cache. */
export interface CacheEntry {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly holds: readonly string[];
  readonly defaults: Readonly<Record<string, number | string | boolean>>;
  readonly choices: Readonly<Record<string, readonly string[]>>;
}

const kinds: Readonly<Record<string, CacheKind>> = caches as never;

/** The shown text is short: blocks and groups of tens of tokens begin smaller. */
const SHOWN_TOKENS = 4;

/** Caches that a person can choose; the one that shares is the variant's choice. */
export function cacheEntries(): readonly CacheEntry[] {
  return Object.values(kinds)
    .filter(({ holds }) => !holds.includes('shared'))
    .map(({ name, title, summary, holds, defaults = {}, create }) => ({
      name,
      title,
      summary,
      holds,
      defaults: shortened(defaults),
      choices: choicesOf(defaults, (given) => create({ ...smallest(holds[0]!), ...given } as CacheOptions)),
    }));
}

/** The least that a cache can be made of. */
function smallest(kind: StateKind): CacheOptions {
  const spec: LayerSpec = { kind, rows: { k: [1, 2], v: [1, 2] }, cap: Infinity, constant: {} };
  return { device: createReference(), B: 1, capacity: 1, spec };
}

function shortened(defaults: NonNullable<CacheKind['defaults']>): Record<string, number | string | boolean> {
  return Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [
      key,
      typeof value === 'number' && value >= 16 ? SHOWN_TOKENS : value,
    ]),
  );
}

/** What the layers of a model keep, to choose a cache for it. Never throws. */
export function keptBy({ decoder }: Pick<RunModel, 'decoder'>): readonly string[] {
  return [...new Set(Object.values(decoder.specs).map(({ kind }) => kind))];
}

/**
 * Reads a prompt token by token and goes on, and takes a picture of every state after each step.
 *
 * @throws {ShapeError | ValueError} for options that the variant or the cache refuses.
 * @throws {DOMException} `AbortError`, when the signal says so.
 */
export async function runCache(model: RunModel, setup: CacheSetup, options: RunOptions): Promise<Run> {
  const { signal, onFrame, tokenizer, textOf } = options;
  const prompt = tokenizer.encode(setup.prompt).slice(0, setup.tokens);
  const ids: number[] = [];
  const recorder = start(model, setup, ids, textOf);
  try {
    const sampler = createSampler(chain(temperature(0.8), topK(40), draw()), { seed: setup.seed });
    const frames: Frame[] = [];
    let problem: string | undefined;
    let next: readonly number[] = prompt.slice(0, firstPiece(model));
    for (let step = 0; ids.length < setup.tokens; step++) {
      await options.pause?.();
      signal?.throwIfAborted();
      const before = ids.length;
      const result = await recorder.step(next);
      if ('problem' in result) {
        problem = result.problem;
        break;
      }
      const id = ids.at(-1)!;
      const frame = { step, id, text: textOf(id), generated: before >= prompt.length, ...result.kept };
      frames.push(frame);
      onFrame?.(frame);
      const fed = ids.length;
      next = fed < prompt.length ? [prompt[fed]!] : [sampler.sample(result.logits, { ids: [...ids] })];
    }
    const promptLength = Math.min(prompt.length, ids.length);
    return { weights: model.weights, tokens: ids.map(textOf), promptLength, frames, problem };
  } finally {
    recorder.dispose();
  }
}

/** A prefix that sees itself has to come at once; everything else comes token by token, to be watched. */
function firstPiece({ attention, decoder }: RunModel): number {
  const prefixes = Array.from(
    { length: decoder.shape.layers },
    (_, layer) => attention.score(layer)?.prefix ?? 1,
  );
  return Math.max(1, ...prefixes);
}

type Stepped =
  | { readonly logits: Float32Array; readonly kept: Pick<Frame, 'length' | 'states'> }
  | { readonly problem: string };

interface Recorder {
  /** Appends these tokens to `ids`, and looks. */
  step(tokens: readonly number[]): Promise<Stepped>;
  dispose(): void;
}

function start(
  { decoder, attention, position }: RunModel,
  setup: CacheSetup,
  ids: number[],
  textOf: (id: number) => string,
): Recorder {
  const { shape } = decoder;
  const coming: number[] = [];
  const make = maker(setup, {
    rotation: position?.kind === 'rotation' ? position : undefined,
    isAnchor: anchors(attention.score(0)?.segments?.length, (position) =>
      textOf(ids[position] ?? coming[position - ids.length]!),
    ),
  });
  const session = decoder.start({
    capacity: setup.tokens,
    limit: setup.tokens,
    cache: (specs, rest) => {
      const first = Object.values(specs)[0]!.kind;
      return createStates(specs, { ...rest, ...(make && { create: { [first]: make } }) });
    },
  });
  const weights = new Map<number, Promise<Float32Array>>();
  for (let layer = 0; layer < shape.layers; layer++) {
    const name = `layers.${layer}.attention.weights`;
    if (!decoder.taps.includes(name)) continue;
    session.tap(name, (value) => {
      // read at once: the tensor is freed with the step
      weights.set(layer, mostOf(value.data(), value.shape));
    });
  }
  return {
    async step(tokens) {
      coming.splice(0, Infinity, ...tokens);
      const before = ids.length;
      weights.clear();
      let logits: Float32Array;
      try {
        using result = session.step(tokens);
        logits = Float32Array.from(await result.data());
      } catch (error) {
        if (!ValueError.isInstance(error)) throw error;
        return { problem: error.message };
      }
      ids.push(...tokens);
      coming.length = 0;
      const states = await Promise.all(
        (session.states as readonly Cache[]).map(async (state, layer) =>
          statePicture(state, layer, {
            before,
            weights: await weights.get(layer),
            reads: attention.cost(shape, { B: 1, Lq: 1, Lk: ids.length, layer }).stateReads,
            storage: storageOf(setup.cacheOptions),
          }),
        ),
      );
      return { logits, kept: { length: ids.length, states } };
    },
    dispose: () => session.dispose(),
  };
}

/** Largest weight of the last query for each key, over the heads: `[B, H, Lq, Lk]` → `[Lk]`. */
async function mostOf(data: Promise<ArrayLike<number>>, shape: readonly number[]): Promise<Float32Array> {
  const [, H, Lq, Lk] = shape as [number, number, number, number];
  const values = await data;
  return Float32Array.from({ length: Lk }, (_, key) => {
    let most = 0;
    for (let head = 0; head < H; head++) most = Math.max(most, values[(head * Lq + Lq - 1) * Lk + key]!);
    return most;
  });
}

/** A segment ends where the variant says, or with a sentence. */
function anchors(
  segment: number | undefined,
  textAt: (position: number) => string,
): (b: number, position: number) => boolean {
  return (_, position) =>
    segment ? position % segment === segment - 1 : /[.!?,]$|\n/.test(textAt(position));
}

/** Makes the chosen cache; what one needs from its model is given to all, and passed over by the others. */
function maker(
  { cache, cacheOptions }: CacheSetup,
  hooks: { readonly rotation: unknown; readonly isAnchor: unknown },
): ((options: CacheOptions) => Cache) | undefined {
  if (cache === '') return undefined;
  const kind = kinds[cache];
  if (!kind) throw new ValueError('cache', 'cache', `must be one of ${Object.keys(kinds).join(', ')}`, cache);
  const chosen = { ...shortened(kind.defaults ?? {}), ...cacheOptions };
  return (options) => kind.create({ ...options, ...hooks, ...chosen } as CacheOptions);
}

function storageOf(options: CacheSetup['cacheOptions']): StorageType {
  const { quantized } = caches;
  const { bits, along, group } = { ...shortened(quantized.defaults!), ...options };
  return { bits, along, group } as Quantization;
}
