import { type Chain, chain } from '../chain.ts';
import { drawDescending } from '../choices/draw-descending.ts';
import { greedy } from '../choices/greedy.ts';
import { mirostat1 } from '../choices/mirostat-1.ts';
import { mirostat2 } from '../choices/mirostat-2.ts';
import type { Filter } from '../contract.ts';
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
  /** At or below 0 takes the best token. Default 0.8. */
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
  /** Tokens the penalties look back; −1 for all. Default 64. */
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
  /** A grammar or other constraint; runs before everything else. */
  readonly constraint?: Filter;
  /** 1 or 2 replaces all cutoffs by Mirostat. Default 0. */
  readonly mirostat?: 0 | 1 | 2;
  readonly mirostatTau?: number;
  readonly mirostatEta?: number;
}

/**
 * The order of llama.cpp: bias, penalties, DRY, top-nσ, top-k, typical, top-p, min-p, XTC, and **temperature last**,
 * so that the cutoffs see the model's own distribution; then a draw, likeliest first.
 *
 * @see `common_sampler_init` in {@link https://github.com/ggml-org/llama.cpp/blob/master/common/sampling.cpp}
 */
export function llamaCpp(settings: LlamaCppSettings = {}): Chain {
  const { temperature: T = 0.8, mirostat = 0, mirostatTau: tau = 5, mirostatEta: eta = 0.1 } = settings;
  const first = [settings.constraint, when(settings.logitBias, undefined, logitBias)];
  const before = [...first, ...penalties(settings)].filter((filter) => filter !== undefined);
  if (T <= 0) return chain(...before, greedy());
  const heat = temperatures(T, settings);
  if (mirostat === 1) return chain(...before, heat, mirostat1({ tau, eta }));
  if (mirostat === 2) return chain(...before, heat, mirostat2({ tau, eta }));
  return chain(...before, ...cutoffs(settings), heat, drawDescending());
}

function penalties(settings: LlamaCppSettings): (Filter | undefined)[] {
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
  ];
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
    n > 0 ? topNSigma(n) : undefined,
    k > 0 ? topK(k) : undefined,
    when(settings.typicalP, 1, (mass) => typical(mass)),
    when(p, 1, (value) => topP(value)),
    when(m, 0, (value) => minP(value)),
    when(settings.xtcProbability, 0, (probability) => xtc({ probability, threshold })),
  ].filter((filter) => filter !== undefined);
}

function temperatures(
  T: number,
  { dynatempRange: range = 0, dynatempExponent: exponent = 1 }: LlamaCppSettings,
) {
  return range > 0
    ? dynamicTemperature({ minimum: Math.max(0, T - range), maximum: T + range, exponent })
    : temperature(T);
}
