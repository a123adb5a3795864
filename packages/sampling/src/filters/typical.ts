import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { crossing } from '../select.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * Locally typical sampling: the tokens whose surprise is nearest to what the distribution leads one to expect.
 * It can remove the most likely token.
 *
 * ```text
 * d_i = |−ln p_i − H|;  in ascending order of d keep tokens until their sum reaches mass; ties with the last stay
 * ```
 *
 * @see Meister et al. 2023, "Locally Typical Sampling", {@link https://arxiv.org/abs/2202.00666}
 */
export function typical(mass: number, options: KeepOptions = {}): Filter {
  checkNumber('typical', 'mass', mass, { above: 0, atMost: 1 }, '1 keeps every token');
  const minimum = checkKeep('typical', options);
  return defineFilter({
    name: 'typical',
    options: { mass, minTokensToKeep: minimum },
    apply(candidates) {
      if (mass === 1) return;
      const { size, logits, weights, total } = candidates;
      const entropy = candidates.entropy();
      const logTotal = candidates.logSumExp();
      const closeness = candidates.scratchKeys();
      for (let i = 0; i < size; i++) closeness[i] = -Math.abs(logTotal - logits[i]! - entropy);
      const order = candidates.scratchOrder();
      const last = crossing(closeness, weights, size, mass * total, false, order);
      const edge = Math.min(closeness[last]!, kthClosest(closeness, size, minimum, order));
      candidates.retain((i) => closeness[i]! >= edge);
    },
  });
}

/** The tokens kept in any case are here the most typical ones, not the most likely. */
function kthClosest(closeness: Float64Array, size: number, minimum: number, order: Uint32Array): number {
  if (minimum === 1) return Infinity;
  return closeness[
    crossing(closeness, new Float64Array(size).fill(1), size, Math.min(minimum, size), false, order)
  ]!;
}

export const typicalRule = defineRule({
  name: 'typical',
  formula: 'smallest set by |−ln p − H| with Σ p ≥ mass',
  source: {
    title: 'Locally Typical Sampling',
    authors: 'Meister et al.',
    year: 2023,
    url: 'https://arxiv.org/abs/2202.00666',
  },
  defaults: { mass: 0.95, minTokensToKeep: 1 },
  build: ({ mass, ...keep }) => typical(mass, keep),
});
