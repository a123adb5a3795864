import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { frequencyPenalty } from './frequency-penalty.ts';

checkSampler(() => frequencyPenalty(0.4));

it('takes the penalty for every time the token came', () => {
  expect(applyFilters(frequencyPenalty(0.5), [1, 2, 3], { ids: [2, 2, 0, 2] }).logits).toEqual([0.5, 2, 1.5]);
  expect(applyFilters(frequencyPenalty(-1), [1, 2], { ids: [1, 1] }).logits).toEqual([1, 4]);
});

it('counts the output only, and only so far back, if told so', () => {
  const history = { ids: [0, 1, 1, 0], promptLength: 1 };
  expect(applyFilters(frequencyPenalty(1), [3, 3], history).logits).toEqual([2, 1]);
  expect(applyFilters(frequencyPenalty(1, { lastTokens: 2 }), [3, 3], history).logits).toEqual([2, 2]);
});

it('refuses infinity', () => {
  expect(() => frequencyPenalty(Infinity)).toThrow(
    'frequency-penalty: penalty must be a number in (-∞, ∞), got Infinity; 0 changes nothing',
  );
});
