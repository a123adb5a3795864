import {
  createReference,
  DeviceError,
  expertLinear,
  packWeights,
  type RowFormat,
  relu,
  run,
  scope,
  sizeOf,
  storeRows,
  tensor,
  uploadWeights,
  zeros,
  zerosIn,
} from '@headwise/tensor';
import { assertClose, opSamples, seededValues } from '@headwise/tensor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWasmWith, type WasmDevice } from './device.ts';
import { checkStoredWeights } from './testing-weights.ts';

const blockFormats = ['Q8_0', 'Q4_0', 'Q4_1'] as const;

let device: WasmDevice;
beforeAll(async () => {
  device = await createWasmWith({ threads: 2, guard: 256 });
});
afterAll(() => {
  expect(device.memory.buffers).toBe(0);
  device.engine.heap.check();
  device.dispose();
});

function f16(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const size = exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

/** Blocks with every byte at random, and what they mean: written from the GGUF layout, apart from the kernels. */
function randomBlocks(format: (typeof blockFormats)[number], O: number, I: number) {
  const header = format === 'Q4_1' ? 2 : 1;
  const size = header * 2 + (format === 'Q8_0' ? 32 : 16);
  const bytes = Uint8Array.from(seededValues((O * I * size) / 32, 5), (x) => Math.floor((x + 1) * 128));
  const values = new Float32Array(O * I);
  for (let block = 0; block < (O * I) / 32; block++) {
    const at = block * size;
    for (let h = 0; h < header; h++) bytes[at + 2 * h + 1]! &= 0xbf; // keeps the scales below 2
    const half = (h: number): number => f16(bytes[at + 2 * h]! | (bytes[at + 2 * h + 1]! << 8));
    for (let k = 0; k < 32; k++) {
      const quants = at + 2 * header;
      const nibble = k < 16 ? bytes[quants + k]! & 15 : bytes[quants + k - 16]! >> 4;
      const signed = (bytes[quants + k]! << 24) >> 24;
      values[block * 32 + k] =
        format === 'Q8_0'
          ? half(0) * signed
          : format === 'Q4_0'
            ? half(0) * (nibble - 8)
            : half(0) * nibble + half(1);
    }
  }
  return { bytes, values };
}

it.each(blockFormats)('reads the blocks of %s as GGUF means them', async (format) => {
  const [O, I] = [11, 96];
  const { bytes, values } = randomBlocks(format, O, I);
  const weight = uploadWeights(device, bytes, format, [O, I]);
  assertClose(await weight.data(), values, { atol: 1e-6, rtol: 1e-6 });
  weight.dispose();
});

it('reads every finite f16 and bf16', async () => {
  const codes = Uint16Array.from({ length: 65536 }, (_, n) => n);
  const halves = codes.filter((bits) => (bits & 0x7c00) !== 0x7c00);
  const brains = codes.filter((bits) => (bits & 0x7f80) !== 0x7f80);
  for (const [format, bits] of [
    ['f16', halves],
    ['bf16', brains],
  ] as const) {
    const weight = uploadWeights(device, new Uint8Array(bits.buffer), format, [bits.length / 64, 64]);
    const want =
      format === 'f16'
        ? Float32Array.from(bits, f16)
        : new Float32Array(Uint32Array.from(bits, (b) => b * 65536).buffer);
    expect(await weight.data()).toEqual(want);
    weight.dispose();
  }
});

it.each(['f16', 'bf16'] as const)(
  'writing %s and reading it back is exact for numbers it has',
  async (format) => {
    const values = Float32Array.from({ length: 12 * 7 }, (_, n) => (n - 40) / 8);
    const plain = tensor(device, values, [12, 7]);
    const packed = packWeights(plain, format);
    expect(await packed.data()).toEqual(values);
    for (const made of [plain, packed]) made.dispose();
  },
);

it('rounds f16 to the nearest, to even on ties', async () => {
  const values = [
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    1 + 2 ** -11 + 2 ** -20,
    2 ** -24,
    2 ** -25,
    1.5 * 2 ** -24,
    -65504,
    2 ** -15,
  ];
  const plain = tensor(device, values, [1, 8]);
  const packed = packWeights(plain, 'f16');
  expect([...(await packed.data())]).toEqual([
    1,
    1 + 4 * 2 ** -11,
    1 + 2 ** -10,
    2 ** -24,
    0,
    2 ** -23,
    -65504,
    2 ** -15,
  ]);
  for (const made of [plain, packed]) made.dispose();
});

checkStoredWeights('default instructions, two threads, shuffled', () =>
  createWasmWith({ threads: 2, guard: 256, shuffle: true }),
);
checkStoredWeights('simd128, one thread', () => createWasmWith({ simd: 'simd128', threads: 1, guard: 256 }));

it('takes or refuses a stored weight as any argument of any operation, and holds no more after it', () => {
  const { heap } = device.engine;
  const tryAll = (): void => {
    for (const { op, inputs, params } of opSamples) {
      for (const weight of Object.keys(inputs)) {
        if (inputs[weight]!.dtype !== 'f32') continue;
        const plain = tensor(device, new Float32Array(sizeOf(inputs[weight]!.shape)), [
          1,
          sizeOf(inputs[weight]!.shape),
        ]);
        const packed = packWeights(plain, 'f16');
        const given = Object.fromEntries(
          Object.entries(inputs).map(([name, { shape, dtype }]) => [
            name,
            name === weight ? packed.reshape(shape) : zeros(device, shape, dtype),
          ]),
        );
        const before = heap.used;
        try {
          for (const result of run(op, given, params)) result.dispose();
        } catch (error) {
          expect(DeviceError.isInstance(error), `${op.name}: ${weight}`).toBe(true);
          expect(heap.used, `${op.name}: ${weight}`).toBe(before);
        }
        for (const made of [plain, packed, ...Object.values(given)]) made.dispose();
      }
    }
  };
  tryAll();
  const { used } = heap;
  tryAll();
  expect(heap.used).toBe(used);
});

it('counts what the format takes', () => {
  const plain = tensor(device, seededValues(64 * 64, 1), [64, 64]);
  const before = device.memory.liveBytes;
  const packed = packWeights(plain, 'Q4_0');
  expect(device.memory.liveBytes - before).toBe((64 * 64 * 18) / 32);
  for (const made of [plain, packed]) made.dispose();
});

/** The largest numbers that still round to a finite one, and the least that do not; halves are rounded to even. */
const edges = {
  f16: [65519.996, 65520],
  bf16: [3.3961773e38, 3.3961775e38],
  Q8_0: [8_321_000, 8_321_100],
  Q4_0: [524_159, 524_160],
  Q4_1: [65519.996, 65520],
} as const;
const formats = Object.keys(edges) as (keyof typeof edges)[];

it.each(formats)(
  'one rule for numbers that %s cannot hold: weights and rows refuse them by name',
  async (format) => {
    for (const sign of [1, -1]) {
      const [most, beyond] = edges[format].map((x) => sign * x);
      const row = (value: number): Float32Array =>
        Float32Array.from({ length: 32 }, (_, n) => (n === 5 ? value : 0));
      // what Q4_1 keeps is the least number: a large one needs a block of large ones
      const values = (value: number): Float32Array =>
        format === 'Q4_1' ? row(value).fill(value) : row(value);
      const rows = zerosIn(device, [1, 32], format);
      const fits = tensor(device, values(most!), [1, 32]);
      const packed = packWeights(fits, format);
      expect((await packed.data()).every(Number.isFinite)).toBe(true);
      rows.write(0, values(most!));
      const before = await rows.data();
      expect(before.every(Number.isFinite)).toBe(true);
      const large = tensor(device, values(beyond!), [1, 32]);
      expect(() => packWeights(large, format)).toThrow(`cannot be stored as ${format}, which holds `);
      expect(() => rows.write(0, values(beyond!))).toThrow(/^write: source\[[05]\] cannot be stored as /);
      expect(await rows.data()).toEqual(before);
      // computed on the device as well: the rows of a cache come from there
      expect(() => rows.write(0, large)).toThrow(/^write: source\[[05]\] cannot be stored as /);
      const slots = tensor(device, Int32Array.of(0), [1, 1]);
      const target = rows.reshape<'B Lk Hkv D'>([1, 1, 1, 32]);
      const appended = large.reshape<'B L Hkv D'>([1, 1, 1, 32]);
      expect(() => storeRows(target, appended, slots)).toThrow(`cannot be stored as ${format}, which holds `);
      for (const made of [slots, target, appended]) made.dispose();
      expect(await rows.data()).toEqual(before);
      for (const made of [rows, fits, packed, large]) made.dispose();
    }
  },
);

it('refuses blocks whose spread is too large for the scale of Q4_1', () => {
  const wide = tensor(
    device,
    Float32Array.from({ length: 32 }, (_, n) => (n === 3 ? 1e6 : 0)),
    [1, 32],
  );
  expect(() => packWeights(wide, 'Q4_1')).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: packWeights: weight[3] cannot be stored as Q4_1, which holds blocks whose least number is within ±65504 and whose largest is at most 982,000 above it, got 1000000]`,
  );
  wide.dispose();
});

it('refuses files whose numbers or scales are not finite', () => {
  const upload = (format: RowFormat, at: number, bits: number) => () => {
    const bytes = new Uint8Array(
      format === 'f16' || format === 'bf16' ? 64 : { Q8_0: 34, Q4_0: 18, Q4_1: 20 }[format],
    );
    bytes[at] = bits & 255;
    bytes[at + 1] = bits >> 8;
    return uploadWeights(device, bytes, format, [1, 32]);
  };
  expect(upload('f16', 6, 0x7c00)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: uploadWeights: bytes must hold finite numbers; number 3 is NaN or infinite, got "0x7c00"]`,
  );
  expect(upload('f16', 0, 0xfe01)).toThrow('number 0 is NaN or infinite');
  expect(upload('bf16', 62, 0xff80)).toThrow('number 31 is NaN or infinite');
  expect(upload('Q8_0', 0, 0x7c00)).toThrow('the scale of block 0 is NaN or infinite');
  expect(upload('Q4_0', 0, 0xfc00)).toThrow('the scale of block 0');
  expect(upload('Q4_1', 2, 0x7e00)).toThrow('the minimum of block 0');
});

it.each([
  ['Q8_0', 34],
  ['Q4_0', 18],
  ['Q4_1', 20],
] as const)('looks at the scale of every block of %s, and at no other bytes', (format, size) => {
  for (let block = 0; block < 6; block++) {
    const bytes = new Uint8Array(6 * size);
    bytes[block * size + 1] = 0x7c;
    expect(() => uploadWeights(device, bytes, format, [2, 96])).toThrow(
      `the scale of block ${block} is NaN or infinite`,
    );
    // the same bits as quants are two numbers
    bytes[block * size + 1] = 0;
    bytes.fill(0xff, block * size + (format === 'Q4_1' ? 4 : 2), (block + 1) * size);
    uploadWeights(device, bytes, format, [2, 96]).dispose();
  }
});

it('says what it cannot store and where a stored weight cannot go', () => {
  const odd = tensor(device, seededValues(4 * 33, 1), [4, 33]);
  expect(() => packWeights(odd, 'Q8_0')).toThrow('I a multiple of 32');
  const infinite = tensor(device, [1, Infinity], [1, 2]);
  expect(() => packWeights(infinite, 'bf16')).toThrow('weight[1] must be finite');
  const packed = packWeights(odd, 'f16');
  expect(() => relu(packed)).toThrow(
    'stored as f16 for [4, 33] can be used in linear, gather, data() and expertLinear (with 8, 16, … rows an expert) only',
  );
  expect(() => uploadWeights(device, new Uint8Array(3), 'Q8_0', [1, 32])).toThrow('which takes 34');
  const ids = tensor(device, Int32Array.of(1, 2), [1, 2]);
  expect(() => packWeights(ids as never, 'f16')).toThrow('weight must be of dtype f32, got "i32"');
  expect(() => packWeights(odd, 'Q5_1' as never)).toThrow('must be one of f16, bf16, Q8_0');
  expect(() => device.store([2, 65], 'f16', odd.use('test'))).toThrow('132 numbers do not fill [2, 65]');
  const elsewhere = tensor(createReference(), [1, 2], [1, 2]);
  expect(() => packWeights(elsewhere, 'f16')).toThrow('reference: cannot keep numbers as f16');
  for (const made of [odd, infinite, packed, ids]) made.dispose();
});

it.each(['f16', ...blockFormats] as const)('experts stay in %s, and are read so', async (format) => {
  const shape = [3 * 16, 64];
  const plain = tensor(device, seededValues(sizeOf(shape), 1), shape);
  const packed = packWeights(plain, format);
  const want = createReference();
  const [x, ids] = [seededValues(5 * 64, 2), Int32Array.of(0, 2, 1, 1, 2, 0, 1, 2, 0, 1)];
  const results = [
    { on: device, weight: packed },
    { on: want, weight: tensor(want, (await packed.data()) as Float32Array, shape) },
  ].map(({ on, weight }) =>
    scope(() => expertLinear(tensor(on, x, [5, 1, 64]), weight, tensor(on, ids, [5, 2]), { experts: 3 })),
  );
  const [got, expected] = await Promise.all(results.map((y) => y.data()));
  assertClose(got!, expected!, { atol: 2e-5, rtol: 2e-5 });
  for (const each of [plain, packed, ...results]) each.dispose();
});
