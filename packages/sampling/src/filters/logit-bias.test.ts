import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { logitBias } from './logit-bias.ts';

checkSampler(() => logitBias({ 3: 5, 17: -100, 42: -0.5 }));

it('adds, and removes with −∞', () => {
  expect(applyFilters(logitBias({ 0: 5, 2: -Infinity }), [1, 2, 3])).toMatchObject({
    ids: [0, 1],
    logits: [6, 2],
  });
  expect(applyFilters(logitBias(new Map([[1, -2]])), [1, 2]).logits).toEqual([1, 0]);
});

it('does not bring a removed token back', () => {
  expect(applyFilters(logitBias({ 1: 100, 50: 3 }), [1, -Infinity]).ids).toEqual([0]);
});

it('refuses what is no bias or no id', () => {
  expect(() => logitBias({ 3: Number.NaN })).toThrow(
    'logit-bias: the bias of token 3 must be a number in (-∞, ∞), got NaN; -Infinity removes a token',
  );
  expect(() => logitBias({ [-1]: 2 })).toThrow('logit-bias: a token id must be a whole number ≥ 0, got -1');
});
