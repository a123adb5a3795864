import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * Top-a: like min-p, but the cutoff falls with the square of the best probability.
 *
 * ```text
 * keep p_i ≥ a · p_max²
 * ```
 *
 * @see BlinkDL 2021, {@link https://github.com/BlinkDL/RWKV-LM#the-top-a-sampling-method}
 *
 * @throws {SamplingError} if `a` is not in [0, 1] or `minTokensToKeep` is not a whole number ≥ 1.
 */
export function topA(a: number, options: KeepOptions = {}): Filter {
  checkNumber('top-a', 'a', a, { atLeast: 0, atMost: 1 }, '0 keeps every token');
  const minimum = checkKeep('top-a', options);
  return defineFilter({
    name: 'top-a',
    options: { a, minTokensToKeep: minimum },
    apply(candidates) {
      const { weights, total } = candidates;
      // the best token has weight 1, so p_max = 1 / total
      const edge = a / total;
      candidates.retain((i) => weights[i]! >= edge, minimum);
    },
  });
}

export const topARule = defineRule({
  name: 'top-a',
  formula: 'keep p ≥ a · p_max²',
  source: {
    title: 'The top-a sampling method',
    authors: 'BlinkDL',
    year: 2021,
    url: 'https://github.com/BlinkDL/RWKV-LM#the-top-a-sampling-method',
  },
  defaults: { a: 0.02, minTokensToKeep: 1 },
  build: ({ a, ...keep }) => topA(a, keep),
});
