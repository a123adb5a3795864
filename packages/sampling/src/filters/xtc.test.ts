import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { createReplay } from '../random/replay.ts';
import { applyFilters } from '../testing/tools.ts';
import { xtc } from './xtc.ts';

checkSampler(() => xtc({ probability: 0.5 }));
checkSampler(() => xtc({ probability: 1, threshold: 0.01, minTokensToKeep: 4 }), { minTokensToKeep: 4 });

const row = [0.1, 0.4, 0.03, 0.25, 0.2, 0.02].map(Math.log);
const acting = () => ({ random: createReplay([0]) });

it('removes all likely tokens but the least likely of them', () => {
  expect(
    applyFilters(xtc({ probability: 1, threshold: 0.15 }), row, { random: createReplay([0.99]) }).ids,
  ).toEqual([0, 2, 4, 5]);
});

it('acts as often as asked', () => {
  const rule = xtc({ probability: 0.3, threshold: 0.15 });
  expect(applyFilters(rule, row, { random: createReplay([0.29]) }).ids).toEqual([0, 2, 4, 5]);
  expect(applyFilters(rule, row, { random: createReplay([0.3]) }).ids).toEqual([0, 1, 2, 3, 4, 5]);
});

it('keeps the higher id of the least likely where they are equal', () => {
  expect(applyFilters(xtc({ probability: 1 }), [1, 1, 1], acting()).ids).toEqual([2]);
});

it('acts at a threshold of 0.5 on two tokens that share all', () => {
  expect(applyFilters(xtc({ probability: 1, threshold: 0.5 }), [1, 1], acting()).ids).toEqual([1]);
});

it('does nothing with one likely token, above 0.5, or below the number to keep', () => {
  const all = [0, 1, 2, 3, 4, 5];
  const random = createReplay([0, 0]);
  expect(applyFilters(xtc({ probability: 1, threshold: 0.3 }), row, { random }).ids).toEqual(all);
  expect(applyFilters(xtc({ probability: 1, threshold: 0.51 }), row, { random }).ids).toEqual(all);
  expect(
    applyFilters(xtc({ probability: 1, threshold: 0.15, minTokensToKeep: 5 }), row, { random }).ids,
  ).toEqual(all);
});

it('refuses a probability above 1', () => {
  expect(() => xtc({ probability: 2 })).toThrow(
    'xtc: probability must be a number in [0, 1], got 2; 0 never acts',
  );
});
