import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { suppressedTokens } from './suppressed-tokens.ts';

checkSampler(() => suppressedTokens([1, 17, 40]));

it('removes its tokens, and passes over those beyond the vocabulary', () => {
  expect(applyFilters(suppressedTokens([0, 2, 99]), new Float32Array(4)).ids).toEqual([1, 3]);
});

it('keeps the best where it would remove all, and says so', () => {
  expect(applyFilters(suppressedTokens([0, 1]), [1, 2])).toMatchObject({
    ids: [1],
    note: 'would have removed every candidate; kept the best one',
  });
});

it('refuses what is no list of ids', () => {
  expect(() => suppressedTokens('12' as unknown as number[])).toThrow(
    'suppressed-tokens: ids must be a list of token ids, got "12"',
  );
});
