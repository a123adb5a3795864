import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkWhole } from '../errors.ts';

/**
 * No-repeat-n-gram: no sequence of `n` tokens may come twice.
 *
 * ```text
 * remove every x for which (last n − 1 tokens, x) is already in prompt + output;  n = 1 bans all tokens so far
 * ```
 *
 * @see Paulus, Xiong and Socher 2018, "A Deep Reinforced Model for Abstractive Summarization",
 * {@link https://arxiv.org/abs/1705.04304}
 *
 * @throws {SamplingError} if `n` is not a whole number ≥ 1.
 */
export function noRepeatNgram(n: number): Filter {
  checkWhole('no-repeat-ngram', 'n', n, 1, 'leave the rule out of the chain to allow repetition');
  return defineFilter({
    name: 'no-repeat-ngram',
    options: { n },
    apply(candidates, { ids }) {
      if (ids.length < n) return;
      candidates.remove(continuations(ids, n));
    },
  });
}

function* continuations(ids: readonly number[], n: number): Generator<number> {
  const tail = ids.length - (n - 1);
  for (let start = 0; start + n <= ids.length; start++) {
    let same = 0;
    while (same < n - 1 && ids[start + same] === ids[tail + same]) same++;
    if (same === n - 1) yield ids[start + n - 1]!;
  }
}

export const noRepeatNgramRule = defineRule({
  name: 'no-repeat-ngram',
  formula: 'remove x if (last n − 1 tokens, x) came before',
  source: {
    title: 'A Deep Reinforced Model for Abstractive Summarization',
    authors: 'Paulus et al.',
    year: 2018,
    url: 'https://arxiv.org/abs/1705.04304',
  },
  defaults: { n: 3 },
  build: (options) => noRepeatNgram(options.n),
});
