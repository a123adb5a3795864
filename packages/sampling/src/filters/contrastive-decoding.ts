import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber, checkOptions } from '../errors.ts';
import { checkSecondLogits, logSumExp } from './second-logits.ts';

/** Options of {@link contrastiveDecoding}. */
export interface ContrastiveDecodingOptions {
  /** Only tokens at least `alpha` times as likely as the expert's best may come. */
  readonly alpha?: number;
  /** Temperature of the amateur. */
  readonly amateurTemperature?: number;
}

/**
 * Contrastive decoding: what the expert knows better than a weaker model. The step returns both rows of logits,
 * the expert's as `logits`.
 *
 * ```text
 * keep p_expert ≥ α · max p_expert,  then  l ← log p_expert − log p_amateur
 * ```
 *
 * The first line keeps tokens away that are merely unlikely under the amateur. A token the amateur excludes (−∞)
 * counts as its least likely one.
 *
 * @see Li et al. 2023, "Contrastive Decoding: Open-ended Text Generation as Optimization",
 * {@link https://arxiv.org/abs/2210.15097}
 *
 * @throws {SamplingError} if `alpha` is not in (0, 1] or `amateurTemperature` is no number above 0; at a step, if it
 * gave no `amateur` logits, of another vocabulary or with NaN or Infinity, or a logit would become infinite.
 */
export function contrastiveDecoding(options: ContrastiveDecodingOptions = {}): Filter {
  const name = 'contrastive-decoding';
  checkOptions(name, options);
  const { alpha = 0.1, amateurTemperature = 1 } = options;
  checkNumber(name, 'alpha', alpha, { above: 0, atMost: 1 });
  checkNumber(name, 'amateurTemperature', amateurTemperature, { above: 0 });
  return defineFilter({
    name,
    options: { alpha, amateurTemperature },
    apply(candidates, { amateur }) {
      checkSecondLogits(name, 'amateur', amateur, candidates.vocabulary);
      const expertSum = candidates.logSumExp();
      const amateurSum = logSumExp(amateur, amateurTemperature);
      let least = Infinity;
      for (let id = 0; id < amateur.length; id++) {
        if (amateur[id]! > -Infinity && amateur[id]! < least) least = amateur[id]!;
      }
      candidates.keepWithin(-Math.log(alpha));
      const { size, ids, logits } = candidates;
      for (let i = 0; i < size; i++) {
        const row = Math.max(amateur[ids[i]!]!, least);
        candidates.setLogit(i, logits[i]! - expertSum - (row / amateurTemperature - amateurSum));
      }
    },
  });
}

export const contrastiveDecodingRule = defineRule({
  name: 'contrastive-decoding',
  formula: 'log p_expert − log p_amateur where p_expert ≥ α · max',
  source: {
    title: 'Contrastive Decoding: Open-ended Text Generation as Optimization',
    authors: 'Li et al.',
    year: 2023,
    url: 'https://arxiv.org/abs/2210.15097',
  },
  defaults: { alpha: 0.1, amateurTemperature: 1 },
  build: (options) => contrastiveDecoding(options),
});
