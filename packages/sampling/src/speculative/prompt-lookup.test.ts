import { expect, it } from 'vitest';
import { promptLookup } from './prompt-lookup.ts';

const propose = async (ids: number[], count: number, options = {}) =>
  (await promptLookup(options).propose(ids, count, undefined)).map(({ id }) => id);

it('copies what followed the latest earlier place of the longest ending', async () => {
  expect(await propose([1, 2, 3, 9, 1, 2, 3, 8, 7, 1, 2, 3], 3)).toEqual([8, 7, 1]);
  expect(await propose([5, 3, 4, 2, 3], 2)).toEqual([4, 2]);
});

it('prefers a longer ending to a later place', async () => {
  expect(await propose([1, 2, 6, 5, 2, 7, 1, 2], 1)).toEqual([6]);
  expect(await propose([1, 2, 6, 5, 2, 7, 1, 2], 1, { maxNgram: 1 })).toEqual([7]);
});

it('proposes nothing where nothing repeats, or too short an ending does', async () => {
  expect(await propose([1, 2, 3], 4)).toEqual([]);
  expect(await propose([1], 4)).toEqual([]);
  expect(await propose([3, 1, 3], 4, { minNgram: 2 })).toEqual([]);
});

it('refuses a minimum above the maximum', () => {
  expect(() => promptLookup({ minNgram: 3, maxNgram: 2 })).toThrow(
    'prompt-lookup: maxNgram must be a whole number ≥ 3, got 2',
  );
});
