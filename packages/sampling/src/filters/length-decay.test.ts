import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { lengthDecay } from './length-decay.ts';

checkSampler(() => lengthDecay({ start: 2, factor: 1.5, endIds: [4] }));

it('pulls the end up with the power of what is past the start, for either sign', () => {
  const rule = lengthDecay({ start: 2, factor: 1.5, endIds: [0, 1] });
  const at = (generated: number) =>
    applyFilters(rule, [2, -2, 7], { ids: Array<number>(3 + generated).fill(2), promptLength: 3 }).logits;
  expect(at(2)).toEqual([2, -2, 7]);
  expect(at(3)).toEqual([3, -1, 7]);
  expect(at(4)).toEqual([4.5, 0.5, 7]);
});

it('stays finite however long the text', () => {
  const history = { ids: Array<number>(50_000).fill(1), promptLength: 0 };
  expect(applyFilters(lengthDecay({ start: 0, factor: 2, endIds: [0] }), [3, 5], history).logits).toEqual([
    1e300, 5,
  ]);
});

it('refuses a factor of 0', () => {
  expect(() => lengthDecay({ start: 1, factor: 0, endIds: [] })).toThrow(
    'length-decay: factor must be a number in (0, ∞), got 0; 1 changes nothing',
  );
});
