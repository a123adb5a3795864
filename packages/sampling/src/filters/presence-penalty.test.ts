import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { presencePenalty } from './presence-penalty.ts';

checkSampler(() => presencePenalty(0.7));

it('takes the penalty once, however often the token came', () => {
  expect(applyFilters(presencePenalty(1.5), [1, 2, 3], { ids: [2, 2, 0] }).logits).toEqual([-0.5, 2, 1.5]);
});

it('counts the output only, unless told otherwise', () => {
  const history = { ids: [0, 1], promptLength: 1 };
  expect(applyFilters(presencePenalty(1), [1, 1], history).logits).toEqual([1, 0]);
  expect(applyFilters(presencePenalty(1, { scope: 'all' }), [1, 1], history).logits).toEqual([0, 0]);
});

it('refuses NaN', () => {
  expect(() => presencePenalty(Number.NaN)).toThrow(
    'presence-penalty: penalty must be a number in (-∞, ∞), got NaN; 0 changes nothing',
  );
});
