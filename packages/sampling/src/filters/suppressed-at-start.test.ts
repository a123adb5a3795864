import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { applyFilters } from '../testing/tools.ts';
import { suppressedAtStart } from './suppressed-at-start.ts';

checkSampler(() => suppressedAtStart([1, 17, 40]), { history: { ids: [5, 6], promptLength: 2 } });

it('removes its tokens for the first generated token only', () => {
  const row = new Float32Array(3);
  expect(applyFilters(suppressedAtStart([0]), row, { ids: [2, 2], promptLength: 2 }).ids).toEqual([1, 2]);
  expect(applyFilters(suppressedAtStart([0]), row, { ids: [2, 2, 1], promptLength: 2 }).ids).toEqual([
    0, 1, 2,
  ]);
});
