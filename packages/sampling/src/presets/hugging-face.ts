import { type Chain, chain } from '../chain.ts';
import { draw } from '../choices/draw.ts';
import { greedy } from '../choices/greedy.ts';
import type { Filter } from '../contract.ts';
import { checkOptions } from '../errors.ts';
import { badWords } from '../filters/bad-words.ts';
import { classifierFreeGuidance } from '../filters/classifier-free-guidance.ts';
import { epsilon } from '../filters/epsilon.ts';
import { eta } from '../filters/eta.ts';
import { forcedTokens } from '../filters/forced-tokens.ts';
import { lengthDecay } from '../filters/length-decay.ts';
import { type Biases, logitBias } from '../filters/logit-bias.ts';
import { minP } from '../filters/min-p.ts';
import { minimumLength } from '../filters/minimum-length.ts';
import { noRepeatNgram } from '../filters/no-repeat-ngram.ts';
import { repetitionPenalty } from '../filters/repetition-penalty.ts';
import { suppressedAtStart } from '../filters/suppressed-at-start.ts';
import { suppressedTokens } from '../filters/suppressed-tokens.ts';
import { temperature } from '../filters/temperature.ts';
import { topH } from '../filters/top-h.ts';
import { topK } from '../filters/top-k.ts';
import { topP } from '../filters/top-p.ts';
import { typical } from '../filters/typical.ts';

/** Hugging Face's generation settings, in camel case; a setting left out, or at its neutral value, adds no rule. */
export interface HuggingFaceSettings {
  /** Draws if true, else takes the best token, as `do_sample` does. Default false. */
  readonly doSample?: boolean;
  readonly temperature?: number;
  readonly topH?: number;
  /** 0 switches it off. Default 50. */
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly typicalP?: number;
  readonly epsilonCutoff?: number;
  readonly etaCutoff?: number;
  readonly guidanceScale?: number;
  readonly logitBias?: Biases;
  readonly repetitionPenalty?: number;
  readonly noRepeatNgramSize?: number;
  readonly badWordsIds?: readonly (readonly number[])[];
  readonly minNewTokens?: number;
  readonly eosTokenIds?: readonly number[];
  /** A constraint, in the place of Hugging Face's prefix-allowed tokens. */
  readonly constraint?: Filter;
  /** Place in the output → token. */
  readonly forcedTokens?: Readonly<Record<number, number>>;
  readonly exponentialDecayLengthPenalty?: readonly [start: number, factor: number];
  readonly suppressTokens?: readonly number[];
  readonly beginSuppressTokens?: readonly number[];
  /** Rules of your own, after the penalties and before the warpers. */
  readonly custom?: readonly Filter[];
}

/**
 * The order of Hugging Face transformers: guidance, bias, repetition, n-grams, bad words, lengths, constraint,
 * forced, decay, suppressed; then, when sampling, **temperature first**, top-h, top-k, top-p, min-p, typical,
 * epsilon, eta. Where only some of equally likely tokens fit into `topP`, the higher ids stay, as there.
 *
 * @see `_get_logits_processor` in {@link https://github.com/huggingface/transformers/blob/main/src/transformers/generation/utils.py}
 *
 * @throws {SamplingError} if a setting is out of its rule's range; the message begins with the rule.
 */
export function huggingFace(settings: HuggingFaceSettings = {}): Chain {
  checkOptions('hugging-face', settings);
  const { doSample = false } = settings;
  return doSample
    ? chain(...processors(settings), ...warpers(settings), draw())
    : chain(...processors(settings), greedy());
}

function processors(settings: HuggingFaceSettings): Filter[] {
  const { eosTokenIds = [], exponentialDecayLengthPenalty: decay } = settings;
  return [
    when(settings.guidanceScale, 1, classifierFreeGuidance),
    when(settings.logitBias, undefined, logitBias),
    when(settings.repetitionPenalty, 1, repetitionPenalty),
    when(settings.noRepeatNgramSize, 0, noRepeatNgram),
    when(settings.badWordsIds, undefined, badWords),
    when(settings.minNewTokens, 0, (tokens) => minimumLength({ tokens, endIds: eosTokenIds })),
    settings.constraint,
    when(settings.forcedTokens, undefined, forcedTokens),
    when(decay, undefined, ([start, factor]) => lengthDecay({ start, factor, endIds: eosTokenIds })),
    when(settings.suppressTokens, undefined, suppressedTokens),
    when(settings.beginSuppressTokens, undefined, suppressedAtStart),
    ...(settings.custom ?? []),
  ].filter((filter) => filter !== undefined);
}

function warpers(settings: HuggingFaceSettings): Filter[] {
  return [
    when(settings.temperature, 1, temperature),
    when(settings.topH, undefined, topH),
    when(settings.topK ?? 50, 0, (k) => topK(k)),
    when(settings.topP, 1, (p) => topP(p, { ties: 'higher' })),
    when(settings.minP, 0, (m) => minP(m)),
    when(settings.typicalP, 1, (mass) => typical(mass)),
    when(settings.epsilonCutoff, 0, (floor) => epsilon(floor)),
    when(settings.etaCutoff, 0, (floor) => eta(floor)),
  ].filter((filter) => filter !== undefined);
}

/** The rule, unless its setting is absent or changes nothing. */
export function when<T>(
  value: T | undefined,
  neutral: T | undefined,
  build: (value: T) => Filter,
): Filter | undefined {
  return value === undefined || value === null || value === neutral ? undefined : build(value);
}
