import { createReference, type Device, scope, tensor } from '@headwise/tensor';
import { assertClose, onEveryDevice, seeded, withoutKernels } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { selectKeys, selectKeysOp } from './select-keys.ts';
import { selectedAttention } from './selected-attention.ts';

/** Sequences of different lengths with an empty slot, keys that end, and queries that are nobody. */
const listed = (device: Device) => ({
  queryPositions: tensor<'B Lq'>(device, Int32Array.of(4, 5, 6, 2, 3, -1), [2, 3]),
  keyPositions: tensor<'B Lk'>(device, Int32Array.of(0, 1, 2, 3, 4, 5, 6, 0, 1, -1, 2, 3, -1, -1), [2, 7]),
  keyUntil: tensor<'B Lk'>(device, Int32Array.of(9, 9, 4, 9, 9, 9, 9), [1, 7]),
});

const cases = {
  'the last queries': () => ({}),
  'a cache that is longer than what it holds': () => ({ valid: 6, offset: 3 }),
  'numbers in memory': (device: Device) => ({ cursor: tensor<'2'>(device, Int32Array.of(2, 5), [2]) }),
  'positions of their own': listed,
};

const slotsOf = async (device: Device, at: keyof typeof cases, count: number): Promise<number[]> => {
  const slots = scope(() =>
    selectKeys(
      {
        q: seeded(device, [2, 3, 4, 5], 1),
        k: seeded(device, [2, 7, 5], 2),
        w: seeded(device, [2, 3, 4], 3),
      },
      count,
      cases[at](device),
    ),
  );
  return [...(await slots.data())];
};

describe('chooses as the reference does', () => {
  const all = Object.keys(cases).flatMap((at) => [1, 3, 9].map((count) => [at, count] as const));
  onEveryDevice(
    (device) => {
      it.each(all)('%s, %i', async (at, count) => {
        const want = await slotsOf(createReference(), at as keyof typeof cases, count);
        expect(await slotsOf(device(), at as keyof typeof cases, count)).toEqual(want);
      });
    },
    { only: ['wasm', 'gpujs:cpu', 'gpujs:webasm'] },
  );

  it.each(all)('by its composition: %s, %i', async (at, count) => {
    const composed = withoutKernels(createReference(), selectKeysOp);
    const want = await slotsOf(createReference(), at as keyof typeof cases, count);
    expect(await slotsOf(composed, at as keyof typeof cases, count)).toEqual(want);
  });
});

it('takes the largest scores first, the lower slot on ties, −1 where there is none', async () => {
  const device = createReference();
  const one = tensor(device, [1], [1, 1, 1, 1]);
  const k = tensor(device, [2, -5, 7, -1, 2], [1, 5, 1]);
  const w = tensor(device, [1], [1, 1, 1]);
  expect([...(await selectKeys({ q: one, k, w }, 5).data())]).toEqual([2, 0, 4, 1, 3]);
  const at = { offset: 1, valid: 5 };
  expect([...(await selectKeys({ q: one, k, w }, 3, at).data())]).toEqual([0, 1, -1]);
});

it('refuses to choose nothing, or among nothing', () => {
  const device = createReference();
  const [q, w] = [seeded(device, [1, 1, 2, 3], 1), seeded(device, [1, 1, 2], 2)];
  expect(() => selectKeys({ q, w, k: seeded(device, [1, 4, 3], 3) }, 0)).toThrow(
    'selectKeys: count must be a whole number of at least 1, got 0',
  );
  expect(() => selectKeys({ q, w, k: tensor(device, [], [1, 0, 3]) }, 1)).toThrow(
    'selectKeys: k must have a slot to select, got 0',
  );
});

it('gives zeros to a query without slots, and refuses heads that do not split', async () => {
  const device = createReference();
  const q = seeded(device, [1, 2, 3, 4], 1);
  const k = seeded(device, [1, 5, 1, 4], 2);
  const slots = tensor(device, Int32Array.of(-1, -1, 3, -1), [1, 2, 2]);
  const out = await selectedAttention({ q, k, v: k, slots }).data();
  expect([...out.subarray(0, 12)]).toEqual(Array(12).fill(0));
  assertClose(out.subarray(12, 16), (await k.data()).subarray(12, 16), { atol: 1e-7, rtol: 1e-7 });
  const two = seeded(device, [1, 5, 2, 4], 2);
  expect(() => selectedAttention({ q, k: two, v: two, slots })).toThrow(
    'selectedAttention: H = 3 query heads do not split into Hkv = 2',
  );
});
