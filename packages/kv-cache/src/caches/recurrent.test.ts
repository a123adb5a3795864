import { createPositions, createReference, type Device, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { checkCache } from '../conformance/index.ts';
import { subjects } from '../testing/subjects.ts';
import { createRecurrent } from './recurrent.ts';

checkCache('recurrent', subjects.recurrent);

const spec = { kind: 'recurrent', rows: {}, cap: Infinity, constant: { S: [2, 2] } } as const;
const state = (device: Device, ...shape: number[]) =>
  tensor(device, new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);

it('takes over the new state and frees the old, and keeps one that is handed back', () => {
  const device = createReference();
  const cache = createRecurrent({ device, spec, B: 2 });
  const next = state(device, 2, 2, 2);
  cache.advance({ S: next }, 3);
  expect([device.memory.buffers, cache.length]).toEqual([1, 3]);
  cache.advance({ S: next }, 1);
  expect([cache.constants().S === next, next.disposed, cache.length]).toEqual([true, false, 4]);
});

it('counts the tokens of each sequence', () => {
  const device = createReference();
  const cache = createRecurrent({ device, spec, B: 2, limit: 4 });
  cache.advance(
    { S: state(device, 2, 2, 2) },
    createPositions(device, [
      [0, 1, 2],
      [-1, 0, -1],
    ]),
  );
  expect([cache.lengths, cache.length]).toEqual([[3, 1], 3]);
  expect(() => cache.check(2)).toThrow('recurrent.advance: the tokens of sequence 0 must be at most 1');
  cache.advance(
    { S: state(device, 2, 2, 2) },
    createPositions(device, [
      [-1, -1],
      [1, 2],
    ]),
  );
  expect(cache.lengths).toEqual([3, 3]);
});

it.each([
  [{}, 'recurrent.advance: constants.S must be a tensor [2, 2, 2], got undefined'],
  [
    { S: state(createReference(), 2, 2, 2) },
    'reference: recurrent.advance was given S from another device, reference',
  ],
])('refuses a state (%#)', (constants, message) => {
  const cache = createRecurrent({ device: createReference(), spec, B: 2 });
  expect(() => cache.advance(constants, 1)).toThrow(message);
  expect(cache.length).toBe(0);
});

it('refuses what it cannot do, with what can be done', () => {
  const device = createReference();
  const cache = createRecurrent({ device, spec, B: 2 });
  cache.advance({ S: state(device, 2, 2, 2) }, 5);
  expect(() => cache.crop(3)).toThrow(
    'recurrent.crop: length of sequence 0 must be 0 or 5: a recurrent state cannot take tokens out again (clone it before tokens you may take back), got 3',
  );
  expect(() => cache.append({})).toThrow(
    'recurrent.append: rows are not kept by a recurrent layer; use advance, got "rows"',
  );
  expect(() => cache.advance({ S: state(device, 2, 4) }, 1)).toThrow(
    'recurrent.advance: S must be [2, 2, 2], the size of the state',
  );
  expect(() => cache.advance({ S: state(device, 2, 2, 2) }, 0.5)).toThrow(
    'recurrent.advance: tokens must be a whole number ≥ 0, got 0.5',
  );
  expect(cache.length).toBe(5);
});
