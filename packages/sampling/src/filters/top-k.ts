import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkWhole } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * Top-k: only the `k` best tokens may come.
 *
 * ```text
 * keep l ≥ the k-th largest l        tokens tied with the k-th stay, as in Hugging Face
 * ```
 *
 * One read of the logits, no sort: on an untouched vocabulary the selection runs on the model's own array, also
 * after a temperature.
 *
 * @see Fan, Lewis and Dauphin 2018, "Hierarchical Neural Story Generation", {@link https://arxiv.org/abs/1805.04833}
 */
export function topK(k: number, options: KeepOptions = {}): Filter {
  checkWhole('top-k', 'k', k, 1, 'leave top-k out of the chain to keep every token');
  const minimum = checkKeep('top-k', options);
  return defineFilter({
    name: 'top-k',
    options: { k, minTokensToKeep: minimum },
    apply: (candidates) => candidates.keepTop(Math.max(k, minimum)),
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
  defaults: { k: 40, minTokensToKeep: 1 },
  build: ({ k, ...keep }) => topK(k, keep),
});
