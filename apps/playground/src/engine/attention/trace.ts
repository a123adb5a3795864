import { picture } from '@headwise/attention-variants';
import type { Tokenizer } from '@headwise/models';
import {
  type AttentionExtra,
  createThrough,
  keep,
  type LayerState,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import type { Provenance } from './convert.ts';
import { type Footprint, footprintOf } from './footprint.ts';
import { type FetchedStates, keptOf } from './kept.ts';
import type { VariantModel } from './variant-models.ts';

/** What is to be traced. */
export interface TraceParams {
  readonly text: string;
  readonly variant: string;
  /** What differs from the defaults of the variant. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The layer that is read in full. */
  readonly layer: number;
  /** Also what a cache holds after the text, from a second pass with real caches. */
  readonly kept: boolean;
}

/** One text through one variant: everything of one layer, and a small picture of every head. */
export interface Trace {
  readonly variant: string;
  readonly title: string;
  readonly provenance: Provenance;
  readonly ids: readonly number[];
  /** As they are shown: a space in front is `·`. */
  readonly pieces: readonly string[];
  /** Tokens of the text that are not read: it is cut at `MOST_TOKENS`. */
  readonly cut: number;
  readonly layers: number;
  readonly layer: number;
  /** Heads that have weights of their own. */
  readonly H: number;
  /** `[L, heads, width]` as they are compared and kept, turned where the encoding turns them. */
  readonly q?: Heads | undefined;
  readonly k?: Heads | undefined;
  readonly v?: Heads | undefined;
  /** `[H, L, L]` scaled dot products, masks and all else aside. */
  readonly raw?: Float32Array | undefined;
  /** `[H, L, L]` before the softmax; NaN where hidden. */
  readonly scores?: Float32Array | undefined;
  /** `[H, L, L]`; NaN where hidden. */
  readonly weights?: Float32Array | undefined;
  /** `[H, L]`: log Σ exp(score), learned sinks included. */
  readonly lse?: Float32Array | undefined;
  /** `[L, L]`: 1 where seen, NaN where hidden, drawn from the declared parts of the score. */
  readonly mask?: Float32Array | undefined;
  /** `[L, E]`: what attention adds to the stream. */
  readonly y?: { readonly width: number; readonly values: Float32Array } | undefined;
  /** Numbers of the score, for the formula. */
  readonly parts?: ScoreNumbers | undefined;
  /** `[layers][H]` weights of each head, at most `THUMB` cells each way; absent where there are none. */
  readonly thumbs?: { readonly size: number; readonly values: Float32Array } | undefined;
  /** What comes next, likeliest first. */
  readonly next: readonly { readonly piece: string; readonly probability: number }[];
  readonly footprint: Footprint;
  readonly kept?: FetchedStates | undefined;
  /** What this variant does not have, and why a step has no picture. */
  readonly missing?: string | undefined;
  readonly device: string;
  readonly ms: number;
}

export interface Heads {
  readonly heads: number;
  readonly width: number;
  readonly values: Float32Array;
}

/** The declared parts of a score, as far as they are numbers. */
export interface ScoreNumbers {
  readonly scale: number;
  readonly causal: boolean;
  readonly before: number;
  readonly prefix: number;
  readonly sinkTokens: number;
  readonly segment: number;
  readonly softcap: number;
}

/** Longer texts are cut: a matrix of a head is then 4 MiB. */
export const MOST_TOKENS = 1024;
const THUMB = 40;
/** Longer ones would be drawn as an SVG of a cell each, only to be thrown away. */
const PICTURED = 128;
const wanted: readonly AttentionExtra[] = ['raw', 'scores', 'weights', 'lse'];

/**
 * Runs the text through the model and reads one layer on its way.
 *
 * @throws what a step throws, and {DOMException} `AbortError` when given up.
 */
export async function trace(
  { decoder, attention, provenance }: VariantModel,
  tokenizer: Tokenizer,
  { text, layer, kept }: TraceParams,
  signal?: AbortSignal,
): Promise<Trace> {
  const begun = performance.now();
  const all = tokenizer.encode(text);
  const ids = all.slice(0, MOST_TOKENS);
  const L = ids.length;
  const { layers, H } = decoder.shape;
  const at = Math.max(0, Math.min(layers - 1, layer));
  const held = new Map<string, Tensor>();
  const read = pass(decoder, ids, at, held, signal);
  try {
    const numbers = async (name: string): Promise<Float32Array | undefined> =>
      held.has(name) ? ((await held.get(name)!.data()) as Float32Array).slice() : undefined;
    const headsOf = async (name: string): Promise<Heads | undefined> => {
      const shape = held.get(name)?.shape;
      const values = await numbers(name);
      if (!values || !shape) return undefined;
      return { heads: shape[2]!, width: shape[3]!, values };
    };
    const scores = await numbers('scores');
    const seen = scores && hideIn(scores, scores);
    const weights = await numbers('weights');
    const weightsSeen = weights && scores ? hideIn(weights, scores) : weights;
    if (seen) for (let i = 0; i < seen.length; i++) if (seen[i] === -Infinity) seen[i] = Number.NaN;
    const heads = (held.get('weights')?.shape[1] ?? H) as number;
    const thumbs = await thumbsOf(held, layers, heads, L);
    const logits = (await read.logits.data()) as Float32Array;
    const y = await numbers('y');
    const score = attention.score(at);
    signal?.throwIfAborted();
    return {
      variant: attention.name,
      title: attention.variant.title,
      provenance,
      ids,
      pieces: ids.map((id) => shownPiece(tokenizer, id)),
      cut: all.length - L,
      layers,
      layer: at,
      H: heads,
      q: await headsOf('q'),
      k: await headsOf('k'),
      v: await headsOf('v'),
      raw: await numbers('raw'),
      scores: seen,
      weights: weightsSeen,
      lse: await numbers('lse'),
      mask: score && maskOf(score, seen, L),
      y: y && { width: decoder.shape.E, values: y },
      parts: score && {
        scale: score.scale ?? 1 / Math.sqrt(decoder.shape.D),
        causal: score.causal,
        before: score.window?.[0] ?? Infinity,
        prefix: score.prefix ?? 0,
        sinkTokens: score.sinkTokens ?? 0,
        segment: score.segments?.length ?? 0,
        softcap: score.softcap ?? 0,
      },
      thumbs,
      next: likeliest(logits, tokenizer, 5),
      footprint: footprintOf(decoder.specs, at, L),
      kept: kept ? await keptOf(decoder, ids, at) : undefined,
      missing: read.missing,
      device: decoder.device.name,
      ms: performance.now() - begun,
    };
  } finally {
    read.logits.dispose();
    for (const tensor of held.values()) tensor.dispose();
  }
}

interface Pass {
  readonly logits: Tensor;
  readonly missing: string | undefined;
}

/** Asks for everything; a variant that cannot give a part of it is asked for less. */
function pass(
  decoder: VariantModel['decoder'],
  ids: readonly number[],
  layer: number,
  held: Map<string, Tensor>,
  signal: AbortSignal | undefined,
): Pass {
  let missing: string | undefined;
  for (const extras of [wanted, ['weights'] as const, []]) {
    try {
      return { logits: step(decoder, ids, layer, extras, held, signal), missing };
    } catch (error) {
      for (const tensor of held.values()) tensor.dispose();
      held.clear();
      if (!ValueError.isInstance(error) || extras.length === 0) throw error;
      missing = error.message;
    }
  }
  throw new Error('unreachable: the last try asks for nothing');
}

function step(
  decoder: VariantModel['decoder'],
  ids: readonly number[],
  layer: number,
  extras: readonly AttentionExtra[],
  held: Map<string, Tensor>,
  signal: AbortSignal | undefined,
): Tensor {
  using session = decoder.start({ capacity: ids.length, cache: throughStates });
  const hold = (name: string) => (value: Tensor) => {
    held.set(name, keep(value.reshape(value.shape)));
  };
  for (const name of ['q', 'k', 'v'])
    if (decoder.taps.includes(`layers.${layer}.attention.${name}`))
      session.tap(`layers.${layer}.attention.${name}`, hold(name));
  session.tap(`layers.${layer}.attention`, hold('y'));
  return session.step(ids, {
    extras,
    signal,
    look: (look) => {
      if (look.extras.weights) hold(`thumb.${look.layer}`)(look.extras.weights);
      if (look.layer !== layer) return;
      for (const name of extras) if (look.extras[name]) hold(name)(look.extras[name]);
    },
  });
}

/** States that keep nothing, so that column j is position j in every variant. */
function throughStates(
  specs: VariantModel['decoder']['specs'],
  { device, B }: { readonly device: VariantModel['decoder']['device']; readonly B: number },
): readonly LayerState[] {
  const made: Record<string, LayerState> = {};
  for (const [id, spec] of Object.entries(specs))
    made[id] = createThrough({ device, spec, B, id, producer: made[spec.producer ?? ''] });
  return Object.values(made);
}

/** NaN where the score is −∞: a weight that is not seen is no zero. */
function hideIn(values: Float32Array, scores: Float32Array): Float32Array {
  return values.map((value, i) => (scores[i] === -Infinity ? Number.NaN : value));
}

/** What the declared parts let a query see; of long texts, what the scores say. */
function maskOf(
  score: NonNullable<ReturnType<VariantModel['attention']['score']>>,
  scores: Float32Array | undefined,
  L: number,
): Float32Array | undefined {
  if (L > PICTURED) return scores?.slice(0, L * L).map((value) => (Number.isNaN(value) ? Number.NaN : 1));
  const [grid] = picture(score, { Lq: L, Lk: L }).grid;
  return Float32Array.from(grid!.flatMap((row) => Array.from(row, (cell) => (cell === 0 ? Number.NaN : 1))));
}

/** The largest weight of each patch: what stands out stays in sight. */
async function thumbsOf(
  held: ReadonlyMap<string, Tensor>,
  layers: number,
  H: number,
  L: number,
): Promise<Trace['thumbs']> {
  if (!held.has('thumb.0')) return undefined;
  const size = Math.min(L, THUMB);
  const values = new Float32Array(layers * H * size * size).fill(Number.NaN);
  for (let layer = 0; layer < layers; layer++) {
    const weights = (await held.get(`thumb.${layer}`)!.data()) as Float32Array;
    for (let h = 0; h < H; h++)
      for (let i = 0; i < L; i++)
        for (let j = 0; j <= i || (j < L && weights[(h * L + i) * L + j]! > 0); j++) {
          const value = weights[(h * L + i) * L + j]!;
          const cell =
            ((layer * H + h) * size + Math.floor((i * size) / L)) * size + Math.floor((j * size) / L);
          if (!(values[cell]! >= value)) values[cell] = value;
        }
  }
  return { size, values };
}

function likeliest(logits: Float32Array, tokenizer: Tokenizer, count: number): Trace['next'] {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
  return Array.from(logits.keys())
    .sort((a, b) => logits[b]! - logits[a]!)
    .slice(0, count)
    .map((id) => ({ piece: shownPiece(tokenizer, id), probability: Math.exp(logits[id]! - most) / total }));
}

function shownPiece(tokenizer: Tokenizer, id: number): string {
  if (id === tokenizer.bos) return '‹start›';
  if (id === tokenizer.eos) return '‹end›';
  return tokenizer.piece(id).replace(/^ /, '·').replaceAll('\n', '↵') || '·';
}
