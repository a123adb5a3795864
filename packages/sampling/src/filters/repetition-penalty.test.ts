import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { repetitionPenalty } from './repetition-penalty.ts';

checkSampler(() => repetitionPenalty(1.3));

it('divides positive and multiplies negative logits, once for each distinct token', () => {
  const ids = [1, 0, 1, 1];
  expect(applyFilters(repetitionPenalty(2), [-3, 4, 5, 0], { ids }).logits).toEqual([-6, 2, 5, 0]);
});

it('counts prompt and output, unless told otherwise', () => {
  const history = { ids: [0, 1, 2], promptLength: 2 };
  expect(applyFilters(repetitionPenalty(2), [2, 2, 2, 2], history).logits).toEqual([1, 1, 1, 2]);
  expect(applyFilters(repetitionPenalty(2, { scope: 'output' }), [2, 2, 2, 2], history).logits).toEqual([
    2, 2, 1, 2,
  ]);
  expect(applyFilters(repetitionPenalty(2, { lastTokens: 2 }), [2, 2, 2, 2], history).logits).toEqual([
    2, 1, 1, 2,
  ]);
  expect(applyFilters(repetitionPenalty(2, { lastTokens: 0 }), [2, 2, 2, 2], history).logits).toEqual([
    2, 2, 2, 2,
  ]);
});

it('passes over removed tokens and ids beyond the vocabulary', () => {
  expect(applyFilters(repetitionPenalty(2), [2, -Infinity], { ids: [1, 99] })).toMatchObject({
    ids: [0],
    logits: [2],
  });
});

it('refuses what is no penalty', () => {
  expect(() => repetitionPenalty(0)).toThrow(
    'repetition-penalty: penalty must be a number in (0, ∞), got 0; 1 changes nothing, more than 1 discourages',
  );
  expect(() => repetitionPenalty(2, { scope: 'prompt' as 'all' })).toThrow(
    `repetition-penalty: scope must be 'all' or 'output', got "prompt"`,
  );
  expect(() => repetitionPenalty(2, { lastTokens: -1 })).toThrow(
    'repetition-penalty: lastTokens must be a whole number ≥ 0, got -1; Infinity counts all tokens',
  );
});
