import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { forcedTokens } from './forced-tokens.ts';

checkSampler(() => forcedTokens({ 2: 1 }));
checkSampler(() => forcedTokens({ 0: 0 }), {
  history: { ids: [] },
  except: {
    'never revives a removed token': 'to force is to bring in',
    'takes the only finite logit': 'to force is to bring in',
  },
});

it('brings in its token at its place, whatever was there', () => {
  const rule = forcedTokens({ 0: 2, 3: 1 });
  const row = [5, 4, -Infinity];
  expect(applyFilters(rule, row, { ids: [7, 7], promptLength: 2 })).toMatchObject({ ids: [2], logits: [0] });
  expect(applyFilters(rule, row, { ids: [7, 7, 0], promptLength: 2 }).ids).toEqual([0, 1]);
  expect(applyFilters(rule, row, { ids: [7, 7, 0, 0, 0], promptLength: 2 }).ids).toEqual([1]);
});

it('refuses a place that is no number', () => {
  expect(() => forcedTokens(new Map([[-1, 2]]))).toThrow(
    'forced-tokens: a place must be a whole number ≥ 0, got -1',
  );
});
