import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { keepExactly } from './keep.ts';

/**
 * Temperature: flattens (`T > 1`) or sharpens (`T < 1`) the distribution.
 *
 * ```text
 * l ← l / T,   T ≥ 0;   T = 0 keeps the best token only (the lowest id of equal ones): greedy
 * ```
 *
 * @see Ackley, Hinton and Sejnowski 1985, "A Learning Algorithm for Boltzmann Machines",
 * {@link https://doi.org/10.1207/s15516709cog0901_7}
 *
 * @throws {SamplingError} if `T` is no number ≥ 0.
 */
export function temperature(T: number): Filter {
  checkNumber('temperature', 'T', T, { atLeast: 0 }, '0 is greedy, 1 changes nothing');
  return defineFilter({
    name: 'temperature',
    options: { temperature: T },
    apply(candidates) {
      // below 1e-30 the quotient can overflow, and any two different float32 logits are infinitely far apart
      if (T >= 1e-30) candidates.divide(T);
      else keepExactly(candidates, 1);
    },
  });
}

export const temperatureRule = defineRule({
  name: 'temperature',
  formula: 'l / T; T = 0 is greedy',
  source: {
    title: 'A Learning Algorithm for Boltzmann Machines',
    authors: 'Ackley et al.',
    year: 1985,
    url: 'https://doi.org/10.1207/s15516709cog0901_7',
  },
  defaults: { temperature: 1 },
  build: (options) => temperature(options.temperature),
});
