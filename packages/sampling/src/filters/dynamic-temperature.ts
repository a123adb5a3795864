import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber, checkOptions } from '../errors.ts';
import { keepExactly } from './keep.ts';

/** Options of {@link dynamicTemperature}. */
export interface DynamicTemperatureOptions {
  /** Temperature where the model is certain. */
  readonly minimum: number;
  /** Temperature where the candidates are equally likely. */
  readonly maximum: number;
  /** Bends the way from one to the other. */
  readonly exponent?: number;
}

/**
 * Dynamic temperature: cool where the model is sure, warm where it is not.
 *
 * ```text
 * H = −Σ p ln p over the n candidates,  H_max = ln n
 * T = T_min + (T_max − T_min) · (H / H_max)^exponent,  l ← l / T
 * ```
 *
 * One candidate is left as it is. The result depends on how many candidates are left, so its place in the order
 * matters: llama.cpp puts it last.
 *
 * @see kalomaze 2023, "Dynamic Temperature Sampling", {@link https://github.com/ggml-org/llama.cpp/pull/4972}
 *
 * @throws {SamplingError} if `minimum` is no number ≥ 0, `maximum` is below it, or `exponent` is no number above 0.
 */
export function dynamicTemperature(options: DynamicTemperatureOptions): Filter {
  const name = 'dynamic-temperature';
  checkOptions(name, options, 'minimum and maximum');
  const { minimum, maximum, exponent = 1 } = options;
  checkNumber(name, 'minimum', minimum, { atLeast: 0 });
  checkNumber(name, 'maximum', maximum, { atLeast: minimum }, 'the maximum may not be below the minimum');
  checkNumber(name, 'exponent', exponent, { above: 0 });
  return defineFilter({
    name,
    options: { minimum, maximum, exponent },
    apply(candidates) {
      if (candidates.size === 1) return;
      const share = Math.max(0, Math.min(1, candidates.entropy() / Math.log(candidates.size)));
      const T = minimum + (maximum - minimum) * share ** exponent;
      if (T >= 1e-30) candidates.divide(T);
      else keepExactly(candidates, 1);
    },
  });
}

export const dynamicTemperatureRule = defineRule({
  name: 'dynamic-temperature',
  formula: 'l / T, T = T_min + (T_max − T_min) · (H / ln n)^e',
  source: {
    title: 'Dynamic Temperature Sampling',
    authors: 'kalomaze',
    year: 2023,
    url: 'https://github.com/ggml-org/llama.cpp/pull/4972',
  },
  defaults: { minimum: 0.5, maximum: 1.5, exponent: 1 },
  build: (options) => dynamicTemperature(options),
});
