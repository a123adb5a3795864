import { rulesOf } from '../chain.ts';
import { describeRule } from '../contract.ts';
import { checkOptions, SamplingError, show } from '../errors.ts';
import { readStep } from '../generate/check.ts';
import type { Step } from '../generate/contract.ts';
import type { Sampler } from '../sampler.ts';
import { drawFrom } from './accept.ts';
import type { Drafter, Proposed } from './contract.ts';

/**
 * Drafts with a smaller model of the same vocabulary.
 *
 * ```text
 * x ~ q, one token at a time; the target accepts x with min(1, p(x) / q(x))
 * ```
 *
 * `sampler` makes `q`: with the chain of the target sampler most drafts are accepted. Its rules must remember
 * nothing between tokens, since drafts are taken back.
 *
 * @see Leviathan, Kalman and Matias 2023, "Fast Inference from Transformers via Speculative Decoding",
 * {@link https://arxiv.org/abs/2211.17192}
 *
 * @throws {SamplingError} if a rule of the chain remembers tokens; `propose`, if the step returns no logits, or as
 * {@link Sampler.distribution} does. What the step throws comes out of `propose`.
 */
export function draftModel(step: Step, sampler: Sampler): Drafter {
  if (typeof step !== 'function')
    throw new SamplingError('draft-model', `step must be a function, got ${show(step)}`);
  checkOptions('draft-model', sampler?.chain, 'rules: createSampler makes a sampler that has them');
  for (const rule of rulesOf(sampler.chain)) {
    if (rule.start || rule.accept) {
      throw new SamplingError(
        'draft-model',
        `${rule.name} remembers tokens, which drafts take back; leave it out`,
      );
    }
  }
  let seen: readonly number[] = [];
  return {
    name: 'draft-model',
    async propose(ids, count, signal) {
      const all = [...ids];
      // at least the last token has to be run again, for its logits
      let position = Math.min(commonLength(seen, ids), ids.length - 1);
      const proposed: Proposed[] = [];
      while (proposed.length < count) {
        const rows = readStep('draft-model', await step(all.slice(position), { position, signal }));
        position = all.length;
        seen = [...all];
        const distribution = sampler.distribution(rows.logits, { ids: all });
        const id = drawFrom(distribution, sampler.random);
        proposed.push({ id, distribution });
        all.push(id);
      }
      return proposed;
    },
  };
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

export const draftModelRule = describeRule({
  name: 'draft-model',
  formula: 'x ~ q; accept with min(1, p / q), else draw from max(0, p − q)',
  source: {
    title: 'Fast Inference from Transformers via Speculative Decoding',
    authors: 'Leviathan et al.',
    year: 2023,
    url: 'https://arxiv.org/abs/2211.17192',
  },
  defaults: { draftLength: 4 },
});
