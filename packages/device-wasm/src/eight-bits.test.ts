import { expertLinear, linear, packWeights, scope, sizeOf, tensor, uploadWeights } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { createWasmWith } from './device.ts';
import { toEightBits } from './eight-bits.ts';
import type { EngineOptions } from './engine.ts';
import { blockFormats, checkEightBits, expected, results } from './testing-eight-bits.ts';

const make = (options: EngineOptions = {}) =>
  createWasmWith({ activations: 'int8', threads: 1, guard: 256, ...options });

checkEightBits('default instructions, two threads, shuffled', () => make({ threads: 2, shuffle: true }));
checkEightBits('simd128, one thread', () => make({ simd: 'simd128' }));

it('rounds as ggml does: the largest of a block is 127, halves go to the even one', () => {
  const x = new Float32Array(96);
  x.set([254, 1, 3, 5, -1, -254, 252.9, -3.2]);
  x.set([2 ** -121], 32);
  x.set([1, Infinity], 64);
  const { quants, scales } = toEightBits(x);
  expect([...quants.subarray(0, 8)]).toEqual([127, 0, 2, 2, 0, -127, 126, -2]);
  expect([...quants.subarray(8)].every((q) => q === 0)).toBe(true);
  expect([...scales]).toEqual([2, 0, NaN]);
});

it.each(blockFormats)(
  'results with %s have the same bits whatever the instructions and the threads',
  async (format) => {
    for (const N of [1, 2, 7]) {
      const all: Float32Array[][] = [];
      for (const options of [{ simd: 'simd128' }, {}, { threads: 2, shuffle: true }] as const) {
        const device = await make(options);
        all.push(await results(device, format, N));
        device.dispose();
      }
      expect(all[1]).toEqual(all[0]);
      expect(all[2]).toEqual(all[0]);
    }
  },
);

it.each(blockFormats)(
  'a row times %s has the same bits whatever rows are computed with it',
  async (format) => {
    const device = await make({ threads: 2 });
    const [N, O, I] = [53, 77, 128];
    const rows = seededValues(N * I, 1);
    const plain = tensor(device, seededValues(O * I, 2), [O, I]);
    const packed = packWeights(plain, format);
    const all = tensor(device, rows, [N, I]);
    const together = (await linear(all, packed).data()) as Float32Array;
    for (const n of [0, 3, 47, 52]) {
      const one = tensor(device, rows.slice(n * I, (n + 1) * I), [1, I]);
      expect(await linear(one, packed).data()).toEqual(together.slice(n * O, (n + 1) * O));
    }
    device.dispose();
  },
);

it.each(blockFormats)('with %s stays within the bound of the product with x as it is', async (format) => {
  const device = await make();
  const [N, O, I] = [4, 40, 512];
  const rows = seededValues(N * I, 1).map((x, n) => x * 10 ** (n % 5));
  const plain = tensor(device, seededValues(O * I, 2), [O, I]);
  const packed = packWeights(plain, format);
  const w = (await packed.data()) as Float32Array;
  const got = await linear(tensor(device, rows, [N, I]), packed).data();
  let largest = 0;
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++) {
      let [exact, bound] = [0, 0];
      for (let i = 0; i < I; i += 32) {
        const [x, v] = [rows.subarray(n * I + i, n * I + i + 32), w.subarray(o * I + i, o * I + i + 32)];
        const most = Math.max(...x.map(Math.abs));
        x.forEach((value, k) => void (exact += value * v[k]!));
        bound += (most / 254) * v.reduce((sum, value) => sum + Math.abs(value), 0);
      }
      const share = Math.abs(got[n * O + o]! - exact) / bound;
      largest = Math.max(largest, share);
    }
  expect(largest).toBeLessThanOrEqual(1);
  // the numbers have been rounded at all
  expect(largest).toBeGreaterThan(0.01);
  device.dispose();
});

it('multiplies −128, which files may hold, as any other weight', async () => {
  const [O, I] = [37, 64];
  const bytes = new Uint8Array((O * I * 34) / 32).fill(0x80);
  for (let block = 0; block < (O * I) / 32; block++) bytes.set([0, 0x3c], block * 34);
  const rows = seededValues(I, 1).map((x) => (x < 0 ? -1 : 1));
  for (const simd of ['simd128', undefined] as const) {
    const device = await make({ simd });
    const weight = uploadWeights(device, bytes, 'Q8_0', [O, I]);
    const { values } = expected(rows, new Float32Array(O * I).fill(-128), undefined, [1, O, I]);
    assertClose(await linear(tensor(device, rows, [1, I]), weight).data(), Float32Array.from(values), {
      atol: 1e-3,
      rtol: 1e-6,
    });
    device.dispose();
  }
});

it('experts are multiplied so, and weights in other formats are not', async () => {
  const device = await make({ threads: 2 });
  const plainDevice = await make({ activations: 'exact' });
  const shape = [3 * 16, 64];
  const [x, ids] = [seededValues(5 * 64, 2), Int32Array.of(0, 2, 1, 1, 2, 0, 1, 2, 0, 1)];
  const run = async (on: typeof device, format: 'Q4_0' | 'f16') => {
    const packed = packWeights(tensor(on, seededValues(sizeOf(shape), 1), shape), format);
    const y = scope(() =>
      expertLinear(tensor(on, x, [5, 1, 64]), packed, tensor(on, ids, [5, 2]), { experts: 3 }),
    );
    return { y: (await y.data()) as Float32Array, w: (await packed.data()) as Float32Array };
  };
  const { y, w } = await run(device, 'Q4_0');
  for (const [slot, expert] of ids.entries()) {
    const row = x.slice((slot >> 1) * 64, ((slot >> 1) + 1) * 64);
    const { values } = expected(
      row,
      w.slice(expert * 16 * 64, (expert + 1) * 16 * 64),
      undefined,
      [1, 16, 64],
    );
    assertClose(y.slice(slot * 16, (slot + 1) * 16), Float32Array.from(values), { atol: 1e-5, rtol: 1e-6 });
  }
  expect((await run(device, 'f16')).y).toEqual((await run(plainDevice, 'f16')).y);
  expect((await run(plainDevice, 'Q4_0')).y).not.toEqual(y);
  for (const made of [device, plainDevice]) made.dispose();
});

it('says what it does, and refuses what it does not know', async () => {
  const device = await make();
  expect(device.details.activations).toBe('int8');
  device.dispose();
  await expect(make({ activations: 'int4' as never })).rejects.toThrow(
    'wasm: activations must be exact or int8, got int4',
  );
});
