import { createReference, type Device, tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/t5.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { t5, t5Buckets } from './t5.ts';

checkEncoding(t5, { golden });

const device = createReference();
const tableOf = (buckets: number, H: number) => seeded<'N H'>(device, [buckets, H], 1);

it.each([
  [
    true,
    {
      '-200': 15,
      '-128': 15,
      '-64': 14,
      '-20': 10,
      '-16': 10,
      '-8': 8,
      '-7': 7,
      '-1': 1,
      '0': 0,
      '1': 17,
      '7': 23,
      '8': 24,
      '16': 26,
      '64': 30,
      '128': 31,
      '200': 31,
    },
  ],
  [
    false,
    {
      '1': 0,
      '0': 0,
      '-1': 1,
      '-15': 15,
      '-16': 16,
      '-17': 16,
      '-32': 21,
      '-64': 26,
      '-100': 30,
      '-127': 31,
      '-128': 31,
      '-1000': 31,
    },
  ],
])('has the buckets that the facts give, bidirectional: %s', (bidirectional, want) => {
  for (const [distance, bucket] of Object.entries(want)) {
    const [Lk, offset] = [Math.max(0, Number(distance)) + 1, Math.max(0, -Number(distance))];
    const row = t5Buckets({ Lq: 1, Lk, offset }, 32, { bidirectional });
    expect(row[Number(distance) > 0 ? Lk - 1 : 0], distance).toBe(bucket);
  }
});

it('is put together by a look-up on a device that lacks its operation', async () => {
  const plain = createReference();
  Object.defineProperty(plain, 'supports', {
    value: (op: { name: string }) => (op.name === 'relative-bias' ? ['unknown'] : []),
  });
  const table = seeded<'N H'>(plain, [8, 3], 1);
  const encoding = t5({ table, maxDistance: 16 });
  const { buffers } = plain.memory;
  const part = encoding.bias(plain, 3, 2, 9, 7);
  if (!('bias' in part)) throw new Error('is no table');
  expect(plain.memory.buffers).toBe(buffers + 2); // with the rows of all distances, which stay
  expect(part.bias.shape).toEqual([1, 3, 2, 9]);
  const want = await encoding.matrix(3, 2, 9, 7);
  expect([...(await part.bias.data())]).toEqual([...want]);
  // anywhere, and nobody, as its own operation has it
  const anywhere = (on: Device) => {
    const queryPositions = tensor(on, Int32Array.of(7, 30), [1, 2]);
    const keyPositions = tensor(on, Int32Array.of(0, 29, -1, 5, 6, 7), [2, 3]);
    const own = t5({ table: seeded<'N H'>(on, [8, 3], 1), maxDistance: 16 });
    const placed = own.bias(on, 3, 2, 3, 0, { queryPositions, keyPositions });
    if (!('bias' in placed)) throw new Error('is no table');
    return placed.bias.data();
  };
  expect([...(await anywhere(plain))]).toEqual([...(await anywhere(device))]);
});

it.each([
  [33, { bidirectional: true }, 't5: buckets (rows of the table) must be an even number ≥ 4, got 33'],
  [2, { bidirectional: true }, 't5: buckets (rows of the table) must be an even number ≥ 4, got 2'],
  [1, {}, 't5: buckets (rows of the table) must be a whole number ≥ 2, got 1'],
  [
    32,
    { maxDistance: 16 },
    't5: maxDistance must be above 16, up to which each distance has a bucket of its own, got 16',
  ],
  [32, { maxDistance: 1.5 }, 't5: maxDistance must be a whole number ≥ 1, got 1.5'],
])('refuses %d buckets with %o', (buckets, options, message) => {
  expect(() => t5({ table: tableOf(buckets, 2), ...options })).toThrow(message);
});

it('refuses heads that its table has not, and another device', () => {
  const encoding = t5({ table: tableOf(32, 2) });
  expect(() => encoding.bias(device, 3, 1, 1, 0)).toThrow(
    't5: H must be 2, the heads of the table [32, 2], got 3',
  );
  expect(() => encoding.bias(createReference(), 2, 1, 1, 0)).toThrow(
    't5 was given its table on another device',
  );
  expect(() => encoding.bias(device, 2, 1, 1, -1)).toThrow(
    'relative-bias: offset must be a whole number ≥ 0, got -1',
  );
});
