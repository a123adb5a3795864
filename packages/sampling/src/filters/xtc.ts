import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber, checkOptions } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/** Options of {@link xtc}. */
export interface XtcOptions extends KeepOptions {
  /** How often the rule acts, from 0 to 1. */
  readonly probability: number;
  /** What counts as a top choice: tokens at least this likely. */
  readonly threshold?: number;
}

/**
 * Exclude top choices (XTC): now and then, removes all likely tokens but the least likely of them.
 *
 * ```text
 * with chance q:  of the tokens with p_i ≥ t, keep only the last in descending order (ties: lower id first)
 * ```
 *
 * With fewer than two such tokens it does nothing; a threshold above 0.5 can therefore never act. Takes one
 * random number a token.
 *
 * @see p-e-w 2024, {@link https://github.com/oobabooga/text-generation-webui/pull/6335}; llama.cpp's form.
 *
 * @throws {SamplingError} if `probability` or `threshold` is not in [0, 1], or `minTokensToKeep` is not a whole number
 * ≥ 1.
 */
export function xtc(options: XtcOptions): Filter {
  checkOptions('xtc', options, 'probability');
  const { probability, threshold = 0.1, ...keep } = options;
  checkNumber('xtc', 'probability', probability, { atLeast: 0, atMost: 1 }, '0 never acts');
  checkNumber('xtc', 'threshold', threshold, { atLeast: 0, atMost: 1 }, 'above 0.5 it never acts');
  const minimum = checkKeep('xtc', keep);
  return defineFilter({
    name: 'xtc',
    options: { probability, threshold, minTokensToKeep: minimum },
    apply(candidates, { random }) {
      if (probability === 0 || threshold > 0.5 || candidates.size < 2) return;
      if (random.next() >= probability) return;
      const { size, weights } = candidates;
      const edge = threshold * candidates.total;
      let choices = 0;
      let last = -1;
      for (let i = 0; i < size; i++) {
        if (weights[i]! < edge) continue;
        choices++;
        if (last < 0 || weights[i]! <= weights[last]!) last = i;
      }
      if (choices < 2 || size - choices + 1 < minimum) return;
      candidates.retain((i) => i === last || weights[i]! < edge);
    },
  });
}

export const xtcRule = defineRule({
  name: 'xtc',
  formula: 'with chance q, of the tokens with p ≥ t keep only the least likely',
  source: {
    title: 'Exclude Top Choices (XTC)',
    authors: 'p-e-w',
    year: 2024,
    url: 'https://github.com/oobabooga/text-generation-webui/pull/6335',
  },
  defaults: { probability: 0.5, threshold: 0.1, minTokensToKeep: 1 },
  build: (options) => xtc(options),
});
