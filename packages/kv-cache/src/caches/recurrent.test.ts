import { createPositions, createReference, type Device, scope, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { checkCache } from '../conformance/index.ts';
import type { Cache } from '../contract.ts';
import { subjects } from '../testing/subjects.ts';
import { createRecurrent } from './recurrent.ts';

checkCache('recurrent', subjects.recurrent);

const spec = { kind: 'recurrent', rows: {}, cap: Infinity, constant: { S: [2, 2] } } as const;
const state = (device: Device, ...shape: number[]) =>
  tensor(device, new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);

it('takes over the new state, frees the one before the last, and keeps one that is handed back', () => {
  const device = createReference();
  const cache = createRecurrent({ device, spec, B: 2 });
  const next = state(device, 2, 2, 2);
  cache.advance({ S: next }, 3);
  expect([device.memory.buffers, cache.length]).toEqual([2, 3]);
  cache.advance({ S: next }, 1);
  expect([cache.constants().S === next, next.disposed, cache.length]).toEqual([true, false, 4]);
  expect([device.memory.buffers, cache.bytes().device]).toEqual([1, device.memory.liveBytes]);
  cache.advance({ S: state(device, 2, 2, 2) }, 1);
  cache.advance({ S: next }, 1);
  expect([next.disposed, device.memory.buffers, cache.bytes().device]).toEqual([
    false,
    2,
    device.memory.liveBytes,
  ]);
  cache.dispose();
  expect(device.memory.buffers).toBe(0);
});

/** A cache of two sequences of 3 and 1 tokens, whose last advance brought the first one token. */
async function advanced() {
  const device = createReference();
  const cache = createRecurrent({ device, spec, B: 2 });
  const S = (a: number, b: number) => ({
    S: tensor(
      device,
      [a, b].flatMap((value) => [value, value, value, value]),
      [2, 2, 2],
    ),
  });
  const values = async () => [...(await cache.constants().S!.data())].filter((_, i) => i % 4 === 0);
  scope(() => {
    cache.advance(S(1, 2), createPositions(device, [[0, 1], [0]]));
    cache.advance(S(3, 2), createPositions(device, [[2], [-1]]));
  });
  expect([await values(), cache.lengths]).toEqual([
    [3, 2],
    [3, 1],
  ]);
  return { device, cache, S, values };
}

it('takes its last advance back, of all sequences or of one', async () => {
  const { device, cache, S, values } = await advanced();
  const clone = cache.clone();
  cache.crop([2, 1]);
  expect([await values(), cache.lengths, cache.length]).toEqual([[1, 2], [2, 1], 2]);
  expect(() => cache.crop([1, 1])).toThrow('length of sequence 0 must be 0 or 2');
  cache.advance(S(5, 6), 1);
  cache.crop([2, 2]);
  expect([await values(), cache.lengths]).toEqual([
    [1, 6],
    [2, 2],
  ]);
  cache.advance(S(7, 8), 2);
  cache.crop([0, 2]);
  expect([await values(), cache.lengths]).toEqual([
    [0, 6],
    [0, 2],
  ]);
  // a clone takes back what was taken in before it was made
  clone.crop([2, 1]);
  expect([...(await clone.constants().S!.data())].filter((_, i) => i % 4 === 0)).toEqual([1, 2]);
  clone.dispose();
  cache.dispose();
  expect(device.memory.buffers).toBe(0);
});

it('takes it back after an advance of no token too', async () => {
  const { cache, S, values } = await advanced();
  cache.advance(S(3, 2), 0);
  cache.crop([2, 1]);
  expect([await values(), cache.lengths]).toEqual([
    [1, 2],
    [2, 1],
  ]);
});

it.each([
  ['of other sequences', (cache: Cache) => cache.take([1, 0]), [1, 2]],
  ['that began anew', (cache: Cache) => cache.reset(), [2, 1]],
] as const)('has nothing to take back in a batch %s', async (_, change, lengths) => {
  const { cache } = await advanced();
  change(cache);
  expect(() => cache.crop(lengths)).toThrow(/recurrent.crop: length|lengths/);
});

it('has nothing to take back in what was loaded', async () => {
  const { cache } = await advanced();
  const file = await cache.save();
  cache.load(file);
  expect(() => cache.crop([2, 1])).toThrow('recurrent.crop: length of sequence 0 must be 0 or 3');
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
    'recurrent.crop: length of sequence 0 must be 0 or 5: a recurrent state takes back its last advance, and no other tokens (clone it before those you may take back), got 3',
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
