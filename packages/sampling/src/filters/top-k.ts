import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkWhole } from '../errors.ts';
import { checkKeep, checkTies, type KeepOptions, keepExactly } from './keep.ts';

/** Options of {@link topK}. */
export interface TopKOptions extends KeepOptions {
  /**
   * What becomes of tokens as likely as the `k`-th: `'keep'`, the default, keeps all of them, as Hugging Face does;
   * `'cut'` keeps exactly `k` tokens, the lower ids of the tied ones, as llama.cpp keeps exactly `k`.
   */
  readonly ties?: 'keep' | 'cut';
}

/**
 * Top-k: only the `k` best tokens may come.
 *
 * ```text
 * keep l ≥ the k-th largest l        tokens tied with the k-th stay, unless ties: 'cut'
 * ```
 *
 * One read of the logits, no sort: on an untouched vocabulary the selection runs on the model's own array, also
 * after a temperature.
 *
 * @see Fan, Lewis and Dauphin 2018, "Hierarchical Neural Story Generation", {@link https://arxiv.org/abs/1805.04833}
 *
 * @throws {SamplingError} if `k` or `minTokensToKeep` is not a whole number ≥ 1, or `ties` is another word.
 */
export function topK(k: number, options: TopKOptions = {}): Filter {
  checkWhole('top-k', 'k', k, 1, 'leave top-k out of the chain to keep every token');
  const minimum = checkKeep('top-k', options);
  const ties = checkTies('top-k', options.ties ?? 'keep', ['keep', 'cut']);
  const most = Math.max(k, minimum);
  return defineFilter({
    name: 'top-k',
    options: { k, minTokensToKeep: minimum, ties },
    apply: (candidates) => (ties === 'cut' ? keepExactly(candidates, most) : candidates.keepTop(most)),
  });
}

export const topKRule = defineRule({
  name: 'top-k',
  formula: 'keep l ≥ k-th largest, ties too',
  source: {
    title: 'Hierarchical Neural Story Generation',
    authors: 'Fan et al.',
    year: 2018,
    url: 'https://arxiv.org/abs/1805.04833',
  },
  defaults: { k: 40, minTokensToKeep: 1, ties: 'keep' as 'keep' | 'cut' },
  build: ({ k, ...options }) => topK(k, options),
});
