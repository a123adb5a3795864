import {
  attentionOp,
  bytesOfRow,
  createReference,
  type HostData,
  linear,
  packWeights,
  type RowFormat,
  relu,
  rowFormats,
  run,
  scope,
  storeRows,
  type Tensor,
  tensor,
  zeros,
  zerosIn,
} from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWasmWith, type WasmDevice } from './device.ts';
import { type HostTensor, pick } from './testing.ts';
import { modelSizes, randomCase, smallSizes } from './testing-attention.ts';

const setups = [
  { simd: 'simd128', threads: 1, guard: 256 },
  // relaxed SIMD where the runtime has it
  { threads: 2, guard: 256, shuffle: true },
] as const;
const devices: WasmDevice[] = [];
let device: WasmDevice;
beforeAll(async () => {
  for (const setup of setups) devices.push(await createWasmWith(setup));
  device = devices[1]!;
});
afterAll(() => {
  for (const each of devices) {
    expect(each.memory.buffers).toBe(0);
    each.engine.heap.check();
    each.dispose();
  }
});

/** A tensor in a format with these numbers, and what they became. */
async function stored(
  on: WasmDevice,
  { shape, data }: HostTensor,
  format: RowFormat,
): Promise<{ readonly rows: Tensor; readonly rounded: HostTensor }> {
  const rows = zerosIn(on, shape, format);
  rows.write(0, data as Float32Array);
  return { rows, rounded: { shape, data: await rows.data() } };
}

/** Half a step of the coarsest scale of numbers in −1 … 1. */
const worst = { f16: 2 ** -12, bf16: 2 ** -9, Q8_0: 0.54 / 127, Q4_0: 1.01 / 8, Q4_1: 1.02 / 15 };

it.each(rowFormats)('rounds rows to %s as weights are rounded', async (format) => {
  const values = seededValues(7 * 96, 3);
  const { rows, rounded } = await stored(device, { shape: [7, 96], data: values }, format);
  const plain = tensor(device, values, [7, 96]);
  const weight = packWeights(plain, format);
  assertClose(rounded.data, await weight.data(), { atol: 0, rtol: 0 });
  assertClose(rounded.data, values, { atol: worst[format], rtol: 0 });
  for (const made of [rows, plain, weight]) made.dispose();
});

it.each(rowFormats)('takes rows of any width in %s', async (format) => {
  for (const width of [1, 3, 16, 31, 33, 80, 100]) {
    const values = seededValues(5 * width, width);
    const { rows, rounded } = await stored(device, { shape: [5, width], data: values }, format);
    assertClose(rounded.data, values, { atol: worst[format], rtol: 0 });
    expect(await device.read(rows.use('test'), width + 1, 3 * width)).toEqual(
      rounded.data.subarray(width + 1, 3 * width),
    );
    rows.dispose();
  }
});

it.each(rowFormats)('writes a row in %s and touches no other', async (format) => {
  const [rows, width] = [9, 48];
  const before = seededValues(rows * width, 1);
  const kept = (await stored(device, { shape: [rows, width], data: before }, format)).rows;
  const bytes = (): Uint8Array => {
    const { address } = kept.use('test') as never as { address: number };
    const size = rows * bytesOfRow(width, format);
    return device.engine.heap.views.u8.slice(address, address + size);
  };
  const old = bytes();
  const fresh = seededValues(2 * width, 2);
  const source = tensor(device, [...fresh, ...fresh], [4, width]);
  kept.write(3 * width, source, 2 * width, 2 * width);
  const size = bytesOfRow(width, format);
  const now = bytes();
  expect(now.subarray(0, 3 * size)).toEqual(old.subarray(0, 3 * size));
  expect(now.subarray(5 * size)).toEqual(old.subarray(5 * size));
  assertClose((await kept.data()).subarray(3 * width, 5 * width), fresh, { atol: worst[format], rtol: 0 });
  const copy = zerosIn(device, [rows, width], format);
  copy.write(width, kept, 2 * width, 3 * width);
  expect((await copy.data()).subarray(width, 4 * width)).toEqual(
    (await kept.data()).subarray(2 * width, 5 * width),
  );
  const plain = zeros(device, [width]);
  plain.write(1, kept, 3 * width + 5, 7);
  expect((await plain.data()).subarray(1, 8)).toEqual(
    (await kept.data()).subarray(3 * width + 5, 3 * width + 12),
  );
  for (const made of [kept, source, copy, plain]) made.dispose();
});

it.each([undefined, ...rowFormats])('stores rows in their slots as writes do, from %s', async (from) => {
  const [B, S, L, H, D] = [2, 7, 4, 3, 40];
  const slots = Int32Array.of(5, 6, -1, 0, 2, 7, 3, 4);
  const fresh = seededValues(B * L * H * D, 2);
  const at = tensor<string>(device, slots, [B, L]);
  const rows = from ? zerosIn(device, [B, L, H, D], from) : zeros(device, [B, L, H, D]);
  rows.write(0, fresh);
  for (const format of [undefined, ...rowFormats]) {
    const [got, want] = [0, 1].map(() => {
      const target = format ? zerosIn(device, [B, S, H, D], format) : zeros(device, [B, S, H, D]);
      target.write(0, seededValues(B * S * H * D, 1));
      return target;
    }) as [Tensor, Tensor];
    storeRows(got, rows, at);
    slots.forEach((slot, n) => {
      if (slot < 0 || slot >= S) return;
      want.write((Math.floor(n / L) * S + slot) * H * D, rows, n * H * D, H * D);
    });
    expect(await got.data()).toEqual(await want.data());
    for (const made of [got, want]) made.dispose();
  }
  for (const made of [rows, at]) made.dispose();
});

it('refuses slots whose rows are parts of rows in fewer bits, and changes nothing', async () => {
  const kept = zerosIn(device, [6, 40], 'Q8_0');
  const target = kept.reshape([1, 12, 20]);
  const rows = tensor(device, seededValues(2 * 20, 1), [1, 2, 20]);
  const at = tensor<string>(device, Int32Array.of(0, 1), [1, 2]);
  expect(() => storeRows(target, rows, at)).toThrow('Write whole rows of 40.');
  expect(await kept.data()).toEqual(new Float32Array(240));
  for (const made of [kept, target, rows, at]) made.dispose();
});

it('a number that a format cannot hold is refused before the first row is stored', async () => {
  const kept = zerosIn(device, [1, 6, 4], 'f16');
  const before = Float32Array.from({ length: 24 }, (_, i) => i);
  kept.write(0, before);
  // two runs of slots, of which the second brings the number
  const rows = tensor(device, [1, 2, 3, 4, 5, 6, 7, 70_000], [1, 2, 4]);
  const at = tensor<string>(device, Int32Array.of(0, 5), [1, 2]);
  expect(() => storeRows(kept, rows, at)).toThrow('70000');
  expect(await kept.data()).toEqual(before);
  for (const made of [kept, rows, at]) made.dispose();
});

it.each(rowFormats)('rows of another width in %s are written as their numbers are', async (format) => {
  const values = seededValues(4 * 20, 1);
  const { rows, rounded } = await stored(device, { shape: [4, 20], data: values }, format);
  const wide = zerosIn(device, [2, 40], format);
  wide.write(0, rows);
  const spelled = zerosIn(device, [2, 40], format);
  spelled.write(0, rounded.data as Float32Array);
  expect(await wide.data()).toEqual(await spelled.data());
  assertClose(await wide.data(), rounded.data, { atol: worst[format], rtol: 0 });
  for (const made of [rows, wide, spelled]) made.dispose();
});

/** Attention with keys and values in fewer bits, and with the same numbers in f32. */
async function compare(on: WasmDevice, seed: number, sizes = modelSizes(seed)): Promise<void> {
  const { inputs, params } = randomCase(seed, sizes);
  const keys = await stored(on, inputs.k!, pick(seed + 50, rowFormats));
  const values = await stored(on, inputs.v!, pick(seed + 51, rowFormats));
  const spelled = { ...inputs, k: keys.rounded, v: values.rounded };
  const made = (hosts: Record<string, HostTensor | undefined>): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries(hosts).flatMap(([name, host]) =>
        host ? [[name, tensor(on, host.data as Float32Array, host.shape)]] : [],
      ),
    );
  const { k, v, ...others } = made(spelled);
  const outputs = [
    run(attentionOp, { ...others, k: keys.rows, v: values.rows } as never, params),
    run(attentionOp, { ...others, k, v } as never, params),
  ];
  const [got, want] = (await Promise.all(
    outputs.map((tensors) => Promise.all(tensors.map((each) => each.data()))),
  )) as [HostData[], HostData[]];
  got.forEach((result, n) => {
    assertClose(result, want[n]!, { atol: 2e-5, rtol: 2e-5 });
  });
  for (const each of [keys.rows, values.rows, k!, v!, ...Object.values(others), ...outputs.flat()])
    each.dispose();
}

it.each(Array.from({ length: 90 }, (_, seed) => seed))(
  'attention equals that over the rounded numbers in f32 (case %i)',
  async (seed) => {
    for (const on of devices) {
      const sizes = modelSizes(seed);
      if (sizes.Lq < 500) await compare(on, seed, sizes);
      await compare(on, seed, smallSizes(seed));
    }
  },
);

it.each(rowFormats)(
  'one query a head, over %s, equals the reference over the rounded numbers',
  async (format) => {
    const [Lk, H] = [1001, 4];
    for (const D of [32, 64, 80, 96, 128]) {
      const query = seededValues(H * D, 1);
      for (const on of devices) {
        const k = await stored(on, { shape: [1, Lk, H, D], data: seededValues(Lk * H * D, 2) }, format);
        const v = await stored(on, { shape: [1, Lk, H, D], data: seededValues(Lk * H * D, 3) }, format);
        const reference = createReference();
        const params = { ...randomCase(0).params, causal: true, offset: Lk - 1, before: Infinity };
        const plain = {
          ...params,
          prefix: 0,
          after: Infinity,
          sinkTokens: 0,
          softcap: 0,
          valid: Lk,
          Dv: D,
          extras: [],
        };
        const q = tensor(on, query, [1, 1, H, D]);
        const [got] = run(attentionOp, { q, k: k.rows, v: v.rows } as never, plain);
        const [want] = run(
          attentionOp,
          {
            q: tensor(reference, query, [1, 1, H, D]),
            k: tensor(reference, k.rounded.data as Float32Array, k.rounded.shape),
            v: tensor(reference, v.rounded.data as Float32Array, v.rounded.shape),
          } as never,
          plain,
        );
        assertClose(await got!.data(), await want!.data(), { atol: 1e-6, rtol: 1e-5 });
        for (const made of [q, got!, k.rows, v.rows]) made.dispose();
        on.engine.heap.check();
      }
    }
  },
);

it.each(rowFormats)('a number that is not finite is not lost in %s', async (format) => {
  const values = seededValues(4 * 64, 1);
  values[64 + 3] = Number.NaN;
  values[2 * 64 + 40] = Infinity;
  const { rows, rounded } = await stored(device, { shape: [1, 4, 1, 64], data: values }, format);
  expect(rounded.data[64 + 3]).toBeNaN();
  expect(Number.isFinite(rounded.data[2 * 64 + 40]!)).toBe(false);
  const finite = [...rounded.data].flatMap((x, n) => (Number.isFinite(x) ? [n] : []));
  expect(finite).toEqual(expect.arrayContaining([0, 63, 3 * 64, 4 * 64 - 1]));
  const q = tensor(device, seededValues(64, 2), [1, 1, 1, 64]);
  const params = {
    ...randomCase(0).params,
    causal: true,
    prefix: 0,
    offset: 0,
    valid: 4,
    Dv: 64,
    extras: [],
  };
  for (const [offset, whole] of [
    [0, true],
    [1, false],
  ] as const) {
    const [y] = run(attentionOp, { q, k: rows, v: rows } as never, {
      ...params,
      offset,
      before: Infinity,
      after: Infinity,
      sinkTokens: 0,
      softcap: 0,
    });
    expect([...(await y!.data())].every(Number.isFinite)).toBe(whole);
    y!.dispose();
  }
  for (const made of [rows, q]) made.dispose();
});

it.each(rowFormats)('a copy of stored rows knows that some are not finite (%s)', async (format) => {
  const values = seededValues(4 * 64, 1);
  values[64 + 3] = Infinity;
  const { rows, rounded } = await stored(device, { shape: [4, 64], data: values }, format);
  const copy = zerosIn(device, [5, 64], format);
  copy.write(0, rows, 64, 2 * 64);
  const want = [...rounded.data.subarray(64, 3 * 64)];
  expect([...(await copy.data()).subarray(0, 2 * 64)]).toEqual(want);
  expect(want.every(Number.isFinite)).toBe(false);
  // and a copy of that one
  const again = zerosIn(device, [1, 64], format);
  again.write(0, copy, 0, 64);
  expect([...(await again.data())]).toEqual(want.slice(0, 64));
  for (const made of [rows, copy, again]) made.dispose();
});

it('other operations read the rounded numbers', async () => {
  const values = seededValues(6 * 40, 1);
  const { rows, rounded } = await stored(device, { shape: [6, 40], data: values }, 'Q4_1');
  const x = tensor(device, seededValues(3 * 40, 2), [3, 40]);
  const spelled = tensor(device, rounded.data as Float32Array, [6, 40]);
  const results = scope(() => [relu(rows), relu(spelled), linear(x, rows), linear(x, spelled)]);
  expect(await results[0]!.data()).toEqual(await results[1]!.data());
  assertClose(await results[2]!.data(), await results[3]!.data(), { atol: 1e-6 });
  for (const made of [rows, x, spelled, ...results]) made.dispose();
});

it('counts what a format takes', () => {
  const before = device.memory.liveBytes;
  const rows = zerosIn(device, [2, 100, 3, 80], 'Q8_0');
  expect(device.memory.liveBytes - before).toBe(2 * 100 * 3 * 3 * 34);
  expect(rows.use('test').bytes).toBe(2 * 100 * 3 * 3 * 34);
  rows.dispose();
  expect(device.memory.liveBytes).toBe(before);
});

it('refuses parts of rows, unknown formats and devices that keep 32 bits', async () => {
  const { rows, rounded } = await stored(device, { shape: [4, 8], data: seededValues(32, 1) }, 'Q8_0');
  expect(() => rows.write(4, new Float32Array(8))).toThrow('rows of 8 that are kept in fewer bits');
  expect(() => rows.write(0, new Float32Array(9))).toThrow('Write whole rows of 8.');
  expect(() => rows.write(32, new Float32Array(8))).toThrow('of a buffer of 32');
  expect(await rows.data()).toEqual(rounded.data);
  expect(() => zerosIn(device, [4, 8], 'Q5_0' as never)).toThrow(
    'must be one of f16, bf16, Q8_0, Q4_0, Q4_1',
  );
  expect(() => zerosIn(createReference(), [4, 8], 'f16')).toThrow('its buffers hold 32 bits a number');
  expect(() => zerosIn(device, [], 'f16')).toThrow('a last axis');
  rows.dispose();
});
