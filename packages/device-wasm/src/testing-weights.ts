import { gather, linear, packWeights, type RowFormat, tensor } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WasmDevice } from './device.ts';

const formats: readonly RowFormat[] = ['f16', 'bf16', 'Q8_0', 'Q4_0', 'Q4_1'];
const blockFormats = ['Q8_0', 'Q4_0', 'Q4_1'] as const;

/** Products with stored weights equal those with their numbers in f32; with every kind of instructions, in Node and in a browser. */
export function checkStoredWeights(name: string, create: () => Promise<WasmDevice>): void {
  describe(`stored weights, ${name}`, () => {
    let device: WasmDevice;
    beforeAll(async () => {
      device = await create();
    });
    afterAll(() => {
      expect(device.memory.buffers).toBe(0);
      device.engine.heap.check();
      device.dispose();
    });

    /** Largest error of storing a number of at most 1. */
    const worst = { f16: 2 ** -11, bf16: 2 ** -8, Q8_0: 1 / 200, Q4_0: 1 / 7, Q4_1: 1 / 14 };

    for (const format of formats) {
      it.each([1, 3, 5, 50])(
        `linear with ${format} equals linear with its numbers in f32 (%i rows)`,
        async (N) => {
          for (const [O, I] of [
            [13, 32],
            [64, 416],
            [3, 800],
            [173, 64],
            [288, 96],
          ] as const) {
            const x = tensor(device, seededValues(N * I, 1), [N, I]);
            const bias = tensor(device, seededValues(O, 3), [O]);
            const original = seededValues(O * I, 2);
            const plain = tensor(device, original, [O, I]);
            const packed = packWeights(plain, format);
            const rounded = await packed.data();
            assertClose(rounded, original, { atol: worst[format], rtol: 0 });
            const spelled = tensor(device, rounded, [O, I]);
            const [a, b] = [linear(x, packed, { bias }), linear(x, spelled, { bias })];
            assertClose(await a.data(), await b.data(), { atol: 3e-5, rtol: 1e-5 });
            const ids = tensor(device, Int32Array.of(0, O - 1, -1, 2), [4]);
            const [c, d] = [gather(packed, ids), gather(spelled, ids)];
            assertClose(await c.data(), await d.data(), { atol: 1e-7, rtol: 1e-6 });
            for (const made of [x, bias, plain, packed, spelled, a, b, ids, c, d]) made.dispose();
          }
        },
      );
    }

    it.each(blockFormats)(
      'reads rows of any size and sign with %s, numbers that are not finite too',
      async (format) => {
        const [O, I] = [20, 96];
        const plain = tensor(device, seededValues(O * I, 2), [O, I]);
        const packed = packWeights(plain, format);
        const spelled = tensor(device, await packed.data(), [O, I]);
        const base = seededValues(I, 1);
        const rows: Readonly<Record<string, Float32Array>> = {
          // the largest rounds up to the next power of 2
          'just below a power': base.map((x, n) => (n % 7 === 0 ? Math.fround(2 - 2 ** -23) : -x)),
          'all as large': base.map((_, n) => (n % 2 === 0 ? 1 : -1) * Math.fround(2 - 2 ** -23)),
          tiny: base.map((x) => x * 1e-36),
          huge: base.map((x) => x * 1e35),
          zero: base.map(() => 0),
          'far apart': base.map((x, n) => x * 10 ** (n % 2 === 0 ? 3 : -9)),
          infinite: base.map((x, n) => (n === 40 ? -Infinity : x)),
          'not a number': base.map((x, n) => (n === 95 ? NaN : x)),
        };
        for (const [name, row] of Object.entries(rows)) {
          const x = tensor(device, row, [1, I]);
          const [a, b] = [linear(x, packed), linear(x, spelled)];
          const size = Math.max(...row.map((value) => (Number.isFinite(value) ? Math.abs(value) : 0)));
          const [got, want] = [await a.data(), await b.data()];
          for (const [n, value] of want.entries()) {
            if (Number.isFinite(value))
              expect(Math.abs(got[n]! - value), name).toBeLessThanOrEqual(size * 2e-5);
            else expect(got[n], name).toBe(value);
          }
          for (const made of [x, a, b]) made.dispose();
        }
        for (const made of [plain, packed, spelled]) made.dispose();
      },
    );
  });
}
