import { linear, packWeights, tensor } from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WasmDevice } from './device.ts';
import { toEightBits } from './eight-bits.ts';

export const blockFormats = ['Q8_0', 'Q4_0', 'Q4_1'] as const;
type BlockFormat = (typeof blockFormats)[number];

/** `x̂ · wᵀ + bias` in float64, x̂ what the rule makes of x: the specification; and `Σ |x̂| · |w|` with it, which rounding goes by. */
export function expected(
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | undefined,
  [N, O, I]: readonly [number, number, number],
): { readonly values: Float64Array; readonly sizes: Float64Array } {
  const { quants, scales } = toEightBits(x);
  const values = new Float64Array(N * O);
  const sizes = new Float64Array(N * O);
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++) {
      let [sum, size] = [bias?.[o] ?? 0, Math.abs(bias?.[o] ?? 0)];
      for (let i = 0; i < I; i++) {
        const at = n * I + i;
        const term = quants[at]! * scales[at >> 5]! * w[o * I + i]!;
        sum += term;
        size += Math.abs(term);
      }
      values[n * O + o] = sum;
      sizes[n * O + o] = size;
    }
  return { values, sizes };
}

/** Shapes `[O, I]`: fewer outputs than a panel, than a panel of each part, and not whole panels. */
const shapes = [
  [3, 32],
  [13, 96],
  [64, 416],
  [173, 64],
  [33, 800],
  [290, 96],
] as const;

/** Results of one row and more, of every format and shape: the same numbers for who has the same seeds. */
export async function results(device: WasmDevice, format: BlockFormat, N: number): Promise<Float32Array[]> {
  const all: Float32Array[] = [];
  for (const [O, I] of shapes) {
    const x = tensor(device, seededValues(N * I, 1), [N, I]);
    const bias = tensor(device, seededValues(O, 3), [O]);
    const plain = tensor(device, seededValues(O * I, 2), [O, I]);
    const packed = packWeights(plain, format);
    const [y, z] = [linear(x, packed, { bias }), linear(x, packed)];
    all.push((await y.data()) as Float32Array, (await z.data()) as Float32Array);
    for (const made of [x, bias, plain, packed, y, z]) made.dispose();
  }
  return all;
}

/** Products with x in 8 bits are what the rule says; with every kind of instructions, in Node and in a browser. */
export function checkEightBits(name: string, create: () => Promise<WasmDevice>): void {
  describe(`x in 8 bits, ${name}`, () => {
    let device: WasmDevice;
    beforeAll(async () => {
      device = await create();
    });
    afterAll(() => {
      expect(device.memory.buffers).toBe(0);
      device.engine.heap.check();
      device.dispose();
    });

    for (const format of blockFormats) {
      it.each([1, 2, 3, 5, 50])(`linear with ${format} equals the rule in float64 (%i rows)`, async (N) => {
        for (const [O, I] of shapes) {
          const rows = seededValues(N * I, 1);
          const [weights, biases] = [seededValues(O * I, 2), seededValues(O, 3)];
          const x = tensor(device, rows, [N, I]);
          const bias = tensor(device, biases, [O]);
          const plain = tensor(device, weights, [O, I]);
          const packed = packWeights(plain, format);
          const stored = (await packed.data()) as Float32Array;
          const y = linear(x, packed, { bias });
          const got = await y.data();
          const { values, sizes } = expected(rows, stored, biases, [N, O, I]);
          for (const [n, value] of values.entries())
            expect(Math.abs(got[n]! - value), `[${n}] of [${N}, ${O}], ${I}`).toBeLessThanOrEqual(
              4e-7 * sizes[n]!,
            );
          for (const made of [x, bias, plain, packed, y]) made.dispose();
        }
      });

      it(`of any size and sign with ${format}, numbers that are not finite too`, async () => {
        const [O, I] = [45, 96];
        const base = seededValues(I, 1);
        const rows: Readonly<Record<string, Float32Array>> = {
          'all as large': base.map((_, n) => (n % 2 === 0 ? 1 : -1) * Math.fround(2 - 2 ** -23)),
          'halves between': base.map(
            (_, n) => (n % 32 === 0 ? 127 : (n % 40) + 0.5) * (n % 3 === 0 ? -1 : 1),
          ),
          tiny: base.map((x) => x * 1e-30),
          'too tiny': base.map((x) => x * 1e-38),
          huge: base.map((x) => x * 1e35),
          zero: base.map(() => 0),
          'far apart': base.map((x, n) => x * 10 ** (n % 2 === 0 ? 3 : -9)),
          infinite: base.map((x, n) => (n === 40 ? -Infinity : x)),
          'not a number': base.map((x, n) => (n === 95 ? NaN : x)),
        };
        const plain = tensor(device, seededValues(O * I, 2), [O, I]);
        const packed = packWeights(plain, format);
        const stored = (await packed.data()) as Float32Array;
        for (const [name, row] of Object.entries(rows)) {
          const x = tensor(device, row, [1, I]);
          const y = linear(x, packed);
          const got = await y.data();
          const { values, sizes } = expected(row, stored, undefined, [1, O, I]);
          for (const [n, value] of values.entries()) {
            if (Number.isNaN(value)) expect(got[n], name).toBeNaN();
            else expect(Math.abs(got[n]! - value), name).toBeLessThanOrEqual(4e-7 * sizes[n]!);
          }
          for (const made of [x, y]) made.dispose();
        }
        for (const made of [plain, packed]) made.dispose();
      });
    }
  });
}
