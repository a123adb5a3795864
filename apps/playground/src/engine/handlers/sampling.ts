import { type Decoder, familyOf, readConfig, type Tokenizer } from '@headwise/models';
import { families } from '@headwise/models/registry';
import type { Pieces } from '@headwise/sampling';
import { ValueError } from '@headwise/tensor';
import { piecesOf, visible } from '../../views/pieces.ts';
import {
  histogramPicture,
  type SamplingSetup,
  samplingPicture,
  samplingRules,
} from '../../views/sampling/model.ts';
import type { HistogramPicture, SamplingPicture } from '../../views/sampling/picture.ts';
import type { HandlerContext } from '../handler.ts';
import { shippedModel } from '../shipped-model.ts';
import { modelsOn } from './attention.ts';

/** A step of the visitor's text. */
export interface SamplingQuestion extends Pick<SamplingSetup, 'stages' | 'choice' | 'seed' | 'schema'> {
  readonly prompt: string;
  /** Ids that came after it. */
  readonly generated: readonly number[];
}

/** The step, and the text so far. */
export interface SamplingAnswer extends SamplingPicture {
  readonly promptTokens: readonly string[];
  readonly text: string;
  /** The chosen token would end it. */
  readonly ends: boolean;
}

declare module '../engine.ts' {
  interface Asks {
    'sampling.rules': { params: undefined; result: ReturnType<typeof samplingRules> };
    'sampling.step': { params: SamplingQuestion; result: SamplingAnswer };
    'sampling.histogram': { params: SamplingQuestion & { draws: number }; result: HistogramPicture };
  }
}

interface Loaded {
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly pieces: Pieces;
  readonly endIds: readonly number[];
  /** Most tokens the model was trained for. */
  readonly context: number;
}

export const rules = samplingRules;

export async function step(question: SamplingQuestion, context: HandlerContext): Promise<SamplingAnswer> {
  const { setup, loaded } = await setupOf(question, context);
  const { ids, promptLength } = setup;
  const picture = samplingPicture(setup);
  return {
    ...picture,
    promptTokens: ids.slice(0, promptLength).map((id) => visible(loaded.tokenizer.piece(id), id)),
    text: loaded.tokenizer.decode(ids),
    ends: loaded.endIds.includes(picture.choice.id),
  };
}

export async function histogram(
  { draws, ...question }: SamplingQuestion & { readonly draws: number },
  context: HandlerContext,
): Promise<HistogramPicture> {
  return histogramPicture((await setupOf(question, context)).setup, draws);
}

async function setupOf(
  { prompt, generated, ...chosen }: SamplingQuestion,
  context: HandlerContext,
): Promise<{ setup: SamplingSetup; loaded: Loaded }> {
  const loaded = await load(context);
  const { tokenizer, pieces, endIds, context: room } = loaded;
  const own = tokenizer.encode(prompt);
  const ids = [...own, ...generated];
  if (ids.length >= room) {
    const rule = `must leave room in the ${room} tokens that the model was trained with`;
    throw new ValueError('sampling', 'prompt', rule, `${ids.length} tokens`);
  }
  const logits = await logitsOf(loaded, ids);
  const unconditional = await logitsOf(loaded, ids.slice(0, 1));
  return {
    loaded,
    setup: { ...chosen, logits, unconditional, pieces, endIds, ids, promptLength: own.length },
  };
}

async function load(context: HandlerContext): Promise<Loaded> {
  const { checkpoint, tokenizer } = await shippedModel(context);
  const models = await modelsOn(context);
  const { variant, options } = models.own;
  const { decoder } = models.get(variant, options);
  const { ids } = readConfig(familyOf(checkpoint.config, families), checkpoint.config);
  return {
    decoder,
    tokenizer,
    pieces: piecesOf(checkpoint, tokenizer),
    endIds: ids.stop,
    context: models.context,
  };
}

/** Texts whose logits are kept: every change of a filter asks for the same again. */
const KEPT = 8;
const known = new WeakMap<Decoder, Map<string, Float32Array>>();

async function logitsOf(loaded: Loaded, ids: readonly number[]): Promise<Float32Array> {
  const texts = known.get(loaded.decoder) ?? new Map<string, Float32Array>();
  known.set(loaded.decoder, texts);
  const key = ids.join();
  const found = texts.get(key);
  if (found) return found;
  using session = loaded.decoder.start({ capacity: ids.length });
  using result = session.step(ids);
  const logits = Float32Array.from(await result.data());
  if (texts.size === KEPT) texts.delete(texts.keys().next().value!);
  texts.set(key, logits);
  return logits;
}
