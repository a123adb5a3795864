import { type Chain, chain } from '../chain.ts';
import { drawDescending } from '../choices/draw-descending.ts';
import { greedy } from '../choices/greedy.ts';
import { mirostat1 } from '../choices/mirostat-1.ts';
import { mirostat2 } from '../choices/mirostat-2.ts';
import type { Filter } from '../contract.ts';
import { checkOptions, SamplingError, show } from '../errors.ts';
import { dry } from '../filters/dry.ts';
import { dynamicTemperature } from '../filters/dynamic-temperature.ts';
import { frequencyPenalty } from '../filters/frequency-penalty.ts';
import { type Biases, logitBias } from '../filters/logit-bias.ts';
import { minP } from '../filters/min-p.ts';
import { presencePenalty } from '../filters/presence-penalty.ts';
import { repetitionPenalty } from '../filters/repetition-penalty.ts';
import { temperature } from '../filters/temperature.ts';
import { topK } from '../filters/top-k.ts';
import { topNSigma } from '../filters/top-n-sigma.ts';
import { topP } from '../filters/top-p.ts';
import { typical } from '../filters/typical.ts';
import { xtc } from '../filters/xtc.ts';
import { when } from './hugging-face.ts';

/** llama.cpp's sampling settings with its defaults; a neutral value adds no rule. */
export interface LlamaCppSettings {
  /** At or below 0 takes the best token of those that are left. Default 0.8. */
  readonly temperature?: number;
  /** Spread of the dynamic temperature around {@link temperature}. Default 0: fixed. */
  readonly dynatempRange?: number;
  readonly dynatempExponent?: number;
  /** Default 40; at or below 0 keeps all. */
  readonly topK?: number;
  /** Default 0.95. */
  readonly topP?: number;
  /** Default 0.05. */
  readonly minP?: number;
  readonly typicalP?: number;
  /** Default −1: off. */
  readonly topNSigma?: number;
  /** Default 0: off. */
  readonly xtcProbability?: number;
  readonly xtcThreshold?: number;
  /** Tokens the penalties look back; −1 for all, 0 for none. Default 64. */
  readonly repeatLastN?: number;
  readonly repeatPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  /** Default 0: off. */
  readonly dryMultiplier?: number;
  readonly dryBase?: number;
  readonly dryAllowedLength?: number;
  /** Default 64; −1 for all. */
  readonly dryPenaltyLastN?: number;
  /** Ids of `"\n"`, `":"`, `"\""`, `"*"` in your tokenizer. */
  readonly drySequenceBreakers?: readonly (readonly number[])[];
  readonly logitBias?: Biases;
  /** A grammar or other constraint: asked about the drawn token, and before a second draw where it refuses that. */
  readonly constraint?: Filter;
  /** 1 or 2 puts Mirostat in the place of the penalties, DRY and all cutoffs. Default 0. */
  readonly mirostat?: 0 | 1 | 2;
  readonly mirostatTau?: number;
  readonly mirostatEta?: number;
}

/**
 * The order of llama.cpp: bias, penalties, DRY, top-nσ, top-k, typical, top-p, min-p, XTC, and **temperature last**,
 * so that the cutoffs see the model's own distribution; then a draw, likeliest first. At temperature 0 the best token
 * of those that the others left: XTC and typical may have removed the model's best. Top-k keeps exactly `k` tokens; of
 * equally likely ones the lower ids, where llama.cpp leaves the choice to its sorting.
 *
 * A constraint does not go in front: a token is drawn, checked, and drawn anew behind the constraint where it fails
 * ({@link Chain.check}).
 *
 * @see `common_sampler_init` and `common_sampler_sample` in
 * {@link https://github.com/ggml-org/llama.cpp/blob/master/common/sampling.cpp}
 *
 * @throws {SamplingError} if a setting is out of its rule's range, the message beginning with the rule, or Mirostat is
 * no version there is.
 */
export function llamaCpp(settings: LlamaCppSettings = {}): Chain {
  checkOptions('llama-cpp', settings);
  const { constraint: check } = settings;
  return { ...withoutConstraint(settings), ...(check && { check }) };
}

function withoutConstraint(settings: LlamaCppSettings): Chain {
  const { temperature: T = 0.8, mirostat = 0, mirostatTau: tau = 5, mirostatEta: eta = 0.1 } = settings;
  const bias = [when(settings.logitBias, undefined, logitBias)].filter((filter) => filter !== undefined);
  if (mirostat === 1 || mirostat === 2) {
    // the temperature here is the plain one; at 0 a single token is left, and Mirostat draws that
    if (T <= 0) return chain(...bias, greedy());
    return chain(...bias, temperature(T), mirostat === 1 ? mirostat1({ tau, eta }) : mirostat2({ tau, eta }));
  }
  if (mirostat !== 0)
    throw new SamplingError('llama-cpp', `mirostat must be 0, 1 or 2, got ${show(mirostat)}`);
  const before = [...bias, ...penalties(settings), ...cutoffs(settings)];
  const { dynatempRange: range = 0, dynatempExponent: exponent = 1 } = settings;
  // not above 0 rather than at most 0, here and below, so that the rules refuse what is no number
  if (!(range <= 0)) {
    const heat = { minimum: Math.max(0, T - range), maximum: Math.max(0, T + range), exponent };
    return chain(...before, dynamicTemperature(heat), drawDescending());
  }
  return T <= 0 ? chain(...before, greedy()) : chain(...before, temperature(T), drawDescending());
}

function penalties(settings: LlamaCppSettings): Filter[] {
  const { repeatLastN = 64, dryPenaltyLastN = 64, dryBase: base = 1.75, dryAllowedLength = 2 } = settings;
  const window = { lastTokens: repeatLastN < 0 ? Infinity : repeatLastN, scope: 'all' } as const;
  return [
    when(settings.repeatPenalty, 1, (penalty) => repetitionPenalty(penalty, window)),
    when(settings.frequencyPenalty, 0, (penalty) => frequencyPenalty(penalty, window)),
    when(settings.presencePenalty, 0, (penalty) => presencePenalty(penalty, window)),
    when(settings.dryMultiplier, 0, (multiplier) =>
      dry({
        multiplier,
        base,
        allowedLength: dryAllowedLength,
        lastTokens: dryPenaltyLastN < 0 ? Infinity : dryPenaltyLastN,
        sequenceBreakers: settings.drySequenceBreakers ?? [],
      }),
    ),
  ].filter((filter) => filter !== undefined);
}

function cutoffs(settings: LlamaCppSettings): Filter[] {
  const {
    topK: k = 40,
    topP: p = 0.95,
    minP: m = 0.05,
    topNSigma: n = -1,
    xtcThreshold: threshold = 0.1,
  } = settings;
  return [
    n <= 0 ? undefined : topNSigma(n),
    k <= 0 ? undefined : topK(k, { ties: 'cut' }),
    when(settings.typicalP, 1, (mass) => typical(mass, { ties: 'cut' })),
    when(p, 1, (value) => topP(value)),
    when(m, 0, (value) => minP(value)),
    when(settings.xtcProbability, 0, (probability) => xtc({ probability, threshold })),
  ].filter((filter) => filter !== undefined);
}
