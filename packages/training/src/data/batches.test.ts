import { expect, it } from 'vitest';
import { mapped, shuffled, split, tokenWindows } from './batches.ts';
import { reversal, reversedSources } from './reversal.ts';

it('windows: each row is a piece of the text, its targets one further, every place once an epoch', () => {
  const tokens = Uint16Array.from({ length: 103 }, (_, i) => i);
  const data = tokenWindows({ tokens, T: 10, B: 3, seed: 4 });
  expect(data.epoch).toBe(3);
  const firsts: number[] = [];
  for (let index = 0; index < 3; index++)
    for (const [b, ids] of data.batch(index).ids.entries()) {
      expect(ids).toEqual(Array.from({ length: 10 }, (_, i) => ids[0]! + i));
      expect(data.batch(index).targets[b]).toEqual(ids.map((id) => id + 1));
      firsts.push(ids[0]!);
    }
  const [shift] = firsts.toSorted((a, b) => a - b);
  expect(firsts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 9 }, (_, i) => shift! + 10 * i));
  expect(data.batch(1)).toEqual(tokenWindows({ tokens, T: 10, B: 3, seed: 4 }).batch(1));
  expect(data.batch(3).ids).not.toEqual(data.batch(0).ids);
  expect(() => tokenWindows({ tokens: [1, 2, 3], T: 2, B: 1, seed: 1 })).toThrow(
    'tokens must be at least 4, two rows, got 3',
  );
});

it('shuffled: all examples once an epoch, in an order of its own, across its end', () => {
  const data = shuffled(['a', 'b', 'c', 'd', 'e'], { B: 2, seed: 1 });
  const ten = [0, 1, 2, 3, 4].flatMap((index) => data.batch(index));
  expect(ten.slice(0, 5).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(ten.slice(5).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(mapped(data, (batch) => batch.length).batch(2)).toBe(2);
  expect(() => shuffled([], { B: 1, seed: 1 })).toThrow('shuffled: examples must be at least one');
});

it('split: all of them, none twice', () => {
  const { train, check } = split([...'abcdefghij'], { share: 0.3, seed: 2 });
  expect([train.length, check.length]).toEqual([7, 3]);
  expect([...train, ...check].toSorted().join('')).toBe('abcdefghij');
});

it('reversal: what follows the mark is the text backwards, and only that counts', () => {
  const { ids, targets } = reversal({ length: 3, symbols: 5, B: 2, seed: 1 }).batch(7);
  for (const [b, row] of ids.entries()) {
    const digits = row.slice(0, 3);
    expect(row[3]).toBe(5);
    expect(targets[b]).toEqual([-1, -1, -1, ...digits.toReversed()]);
  }
});

it('reversed sources: the mark begins a text and ends it, and rows differ in length', () => {
  const { sources, ids, targets } = reversedSources({ length: 4, symbols: 5, B: 12, seed: 1 }).batch(7);
  for (const [b, digits] of sources.entries()) {
    expect(ids[b]).toEqual([5, ...digits.toReversed()]);
    expect(targets[b]).toEqual([...digits.toReversed(), 5]);
  }
  expect(new Set(sources.map(({ length }) => length))).toEqual(new Set([2, 3, 4]));
  expect(() => reversedSources({ length: 0, B: 1, seed: 1 })).toThrow(
    'reversedSources: length must be a whole number ≥ 1, got 0',
  );
});
