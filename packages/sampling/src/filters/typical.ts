import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { crossing } from '../select.ts';
import { checkKeep, checkTies, type KeepOptions } from './keep.ts';

/** Options of {@link typical}. */
export interface TypicalOptions extends KeepOptions {
  /**
   * What becomes of tokens as typical as the last one that fits: `'keep'`, the default, keeps all of them, as Hugging
   * Face does; `'cut'` stops at the first token with which the sum exceeds the mass, as llama.cpp does, lower ids
   * first.
   */
  readonly ties?: 'keep' | 'cut';
}

/**
 * Locally typical sampling: the tokens whose surprise is nearest to what the distribution leads one to expect.
 * It can remove the most likely token.
 *
 * ```text
 * d_i = |−ln p_i − H|;  in ascending order of d keep tokens until their sum reaches mass
 * ties with the last stay, unless ties: 'cut'
 * ```
 *
 * @see Meister et al. 2023, "Locally Typical Sampling", {@link https://arxiv.org/abs/2202.00666}
 *
 * @throws {SamplingError} if `mass` is not in (0, 1], `minTokensToKeep` is not a whole number ≥ 1, or `ties` is another
 * word.
 */
export function typical(mass: number, options: TypicalOptions = {}): Filter {
  checkNumber('typical', 'mass', mass, { above: 0, atMost: 1 }, '1 keeps every token');
  const minimum = checkKeep('typical', options);
  const ties = checkTies('typical', options.ties ?? 'keep', ['keep', 'cut']);
  return defineFilter({
    name: 'typical',
    options: { mass, minTokensToKeep: minimum, ties },
    apply(candidates) {
      if (mass === 1) return;
      const { size, logits, weights, total } = candidates;
      const entropy = candidates.entropy();
      const logTotal = candidates.logSumExp();
      const closeness = candidates.scratchKeys();
      for (let i = 0; i < size; i++) closeness[i] = -Math.abs(logTotal - logits[i]! - entropy);
      const order = candidates.scratchOrder();
      const massive = crossing(closeness, weights, size, mass * total, ties === 'cut', order);
      const last = later(closeness, massive, kthClosest(closeness, size, minimum, order));
      const edge = closeness[last]!;
      candidates.retain(
        (i) => closeness[i]! > edge || (closeness[i] === edge && (ties === 'keep' || i <= last)),
      );
    },
  });
}

/** Index of the last token kept in any case: here the most typical ones, not the most likely. */
function kthClosest(
  closeness: Float64Array,
  size: number,
  minimum: number,
  order: Uint32Array,
): number | undefined {
  if (minimum === 1) return undefined;
  return crossing(closeness, new Float64Array(size).fill(1), size, Math.min(minimum, size), false, order);
}

/** Of two places the one that comes later in descending closeness, then ascending id. */
function later(closeness: Float64Array, a: number, b: number | undefined): number {
  if (b === undefined) return a;
  const behind = closeness[b]! < closeness[a]! || (closeness[b] === closeness[a] && b > a);
  return behind ? b : a;
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
  defaults: { mass: 0.95, minTokensToKeep: 1, ties: 'keep' as 'keep' | 'cut' },
  build: ({ mass, ...options }) => typical(mass, options),
});
