import { expect } from 'vitest';
import type { Device } from '../contracts/device.ts';
import { DeviceError } from '../errors.ts';
import { attention } from '../ops/attention.ts';
import { add } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import { linear } from '../ops/linear.ts';
import { rmsNorm } from '../ops/norm.ts';
import { argmax } from '../ops/rank.ts';
import { scope } from '../scope.ts';
import { type Tensor, tensor, zeros } from '../tensor.ts';
import { assertClose } from './close.ts';
import { counting, type DeviceLaw, law } from './device-law.ts';
import { failureLaws } from './failure-laws.ts';
import { seeded, seededValues } from './seeded.ts';

const transfers: readonly DeviceLaw[] = [
  law('upload copies: the array may be changed afterwards', async (device) => {
    const data = counting(10);
    using x = tensor(device, data, [10]);
    data.fill(-1);
    expect(await x.data()).toEqual(counting(10));
  }),
  law('reads a part of a buffer', async (device) => {
    const buffer = device.upload(counting(1000));
    expect(await device.read(buffer, 37, 641)).toEqual(counting(604, 37));
    expect(await device.read(buffer, 5, 5)).toEqual(new Float32Array(0));
    device.free(buffer);
  }),
  law('carries ids exactly, up to 2^24', async (device) => {
    const ids = Int32Array.of(0, 1, -1, 16_777_215, 16_777_216, -16_777_216);
    using x = tensor(device, ids, [6]);
    expect(await x.data()).toEqual(ids);
  }),
  law('allocates zeros', async (device) => {
    using x = zeros(device, [3, 333]);
    using i = zeros(device, [4], 'i32');
    expect(await x.data()).toEqual(new Float32Array(999));
    expect(await i.data()).toEqual(new Int32Array(4));
  }),
  law('has tensors of no elements', async (device) => {
    using x = zeros(device, [0, 4]);
    using y = tensor(device, [], [0]);
    expect(await x.data()).toEqual(new Float32Array(0));
    expect(await y.data()).toEqual(new Float32Array(0));
    x.write(0, new Float32Array(0));
  }),
];

/** Writes `length` numbers into a buffer of `size` at `offset` and checks every number of it. */
async function checkWritten(
  device: Device,
  size: number,
  offset: number,
  length: number,
  from: (device: Device) => { readonly tensor: Tensor; readonly start: number } | Float32Array,
): Promise<void> {
  using target = tensor(device, counting(size, 10_000), [size]);
  const source = from(device);
  if (source instanceof Float32Array) target.write(offset, source);
  else target.write(offset, source.tensor, source.start, length);
  const want = counting(size, 10_000);
  const values = source instanceof Float32Array ? source : (await source.tensor.data()).slice(source.start);
  want.set(values.slice(0, length), offset);
  expect(await target.data()).toEqual(want);
  if (!(source instanceof Float32Array)) source.tensor.dispose();
}

const places = [
  [10, 3, 4],
  [1000, 0, 1],
  [1000, 29, 700],
  [5000, 63, 4097],
  [64 * 65, 64, 64],
  [999, 0, 999],
] as const;

const writes: readonly DeviceLaw[] = [
  ...places.map(([size, offset, length]) =>
    law(`writes ${length} numbers at ${offset} of ${size} in place, from the host`, (device) =>
      checkWritten(device, size, offset, length, () => counting(length)),
    ),
  ),
  ...places.map(([size, offset, length]) =>
    law(`writes ${length} numbers at ${offset} of ${size} in place, from a buffer`, (device) =>
      checkWritten(device, size, offset, length, (d) => ({
        tensor: tensor(d, counting(length + 7), [length + 7]),
        start: 7,
      })),
    ),
  ),
  law('writes from the result of an operation', (device) =>
    checkWritten(device, 1000, 130, 96, (d) =>
      scope(() => ({ tensor: linear(seeded(d, [4, 8], 1), seeded(d, [32, 8], 2)), start: 20 })),
    ),
  ),
  law('writes into the result of an operation', async (device) => {
    using y = scope(() => linear(seeded(device, [4, 8], 1), seeded(device, [32, 8], 2)));
    const want = await y.data();
    want.set(counting(40), 50);
    y.write(50, counting(40));
    expect(await y.data()).toEqual(want);
  }),
  law('writes ids', async (device) => {
    using target = tensor(device, Int32Array.of(1, 2, 3, 4), [4]);
    using source = tensor(device, Int32Array.of(7, 8), [2]);
    target.write(1, source);
    target.write(3, Int32Array.of(-1));
    expect(await target.data()).toEqual(Int32Array.of(1, 7, 8, -1));
  }),
  law('keeps the order of operations and writes', async (device) => {
    using x = tensor(device, [1, 2, 3, 4], [4]);
    const host = Float32Array.of(10);
    using before = add(x, x);
    x.write(0, host);
    host[0] = -1;
    using after = add(x, x);
    x.write(3, before, 0, 1);
    expect(await before.data()).toEqual(Float32Array.of(2, 4, 6, 8));
    expect(await after.data()).toEqual(Float32Array.of(20, 4, 6, 8));
    expect(await x.data()).toEqual(Float32Array.of(10, 2, 3, 2));
  }),
  law('indexes rows beyond 2^24 numbers', async (device) => {
    const [V, E] = [2 ** 21 + 9, 8];
    using table = zeros(device, [V, E]);
    table.write((V - 3) * E, counting(3 * E, 1));
    using ids = tensor<'N'>(device, Int32Array.of(V - 1, V - 3, 2 ** 21 + 5), [3]);
    using rows = gather(table, ids);
    expect(await rows.data()).toEqual(
      Float32Array.of(...counting(8, 17), ...counting(8, 1), ...new Float32Array(8)),
    );
  }),
];

/** One decode step of a small model: norm, projections, a cache row, attention, residual, choice. */
function step(
  device: Device,
  weights: readonly Tensor[],
  cache: { k: Tensor; v: Tensor },
  position: number,
): Tensor<string, 'i32'> {
  const [embedding, norm, q, k, v, out] = weights as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  return scope(() => {
    const id = tensor<'N'>(device, Int32Array.of((position * 7) % 12), [1]);
    const x = gather<'N E'>(embedding, id);
    const normed = rmsNorm(x, norm);
    cache.k.write(position * 8, linear(normed, k));
    cache.v.write(position * 8, linear(normed, v));
    const y = attention(
      { q: linear(normed, q).reshape([1, 1, 4, 4]), k: cache.k as never, v: cache.v as never },
      { causal: { offset: position }, valid: position + 1 },
    );
    return argmax(linear(add(x, linear(y.reshape([1, 16]), out)), embedding));
  });
}

const memory: readonly DeviceLaw[] = [
  law('counts live bytes, the peak and buffers', async (device) => {
    const start = device.memory;
    const x = zeros(device, [100]);
    const y = tensor(device, Int32Array.of(1, 2), [2]);
    expect(device.memory.liveBytes - start.liveBytes).toBe(408);
    expect(device.memory.buffers - start.buffers).toBe(2);
    device.resetPeak();
    const z = add(x, x);
    z.dispose();
    expect(device.memory.peakBytes - start.liveBytes).toBe(808);
    x.dispose();
    y.dispose();
    expect(device.memory.liveBytes).toBe(start.liveBytes);
    expect(device.memory.buffers).toBe(start.buffers);
  }),
  law('leaks nothing over 200 tokens', async (device) => {
    const weights = [[12, 16], [16], [16, 16], [8, 16], [8, 16], [16, 16]].map((shape, i) =>
      seeded(device, shape, i + 1),
    );
    const cache = { k: zeros(device, [1, 200, 2, 4]), v: zeros(device, [1, 200, 2, 4]) };
    const start = device.memory;
    for (let position = 0; position < 200; position++) {
      using id = step(device, weights, cache, position);
      expect(device.memory.liveBytes).toBe(start.liveBytes + 4);
      if (position % 50 === 49) expect((await id.data())[0]).toBeLessThan(12);
    }
    expect(device.memory.liveBytes).toBe(start.liveBytes);
    expect(device.memory.buffers).toBe(start.buffers);
    for (const made of [...weights, cache.k, cache.v]) made.dispose();
  }),
];

const failures: readonly DeviceLaw[] = [
  law('says which engine ran', async (device) => {
    using y = scope(() => add(seeded(device, [4], 1), seeded(device, [4], 2)));
    await y.data();
    expect(device.ran).toBeTypeOf('string');
    // what it does not refuse it runs: a device that computes whatever brings a reference refuses nothing
    const strange = { name: 'no such operation', outputs: () => [], reference: () => [] };
    if (device.supports(strange, {}, {}).length === 0)
      expect(device.run({ op: strange, inputs: {}, params: {}, outputs: [] })).toEqual([]);
  }),
  law('refuses a disposed tensor, naming it', async (device) => {
    const x = seeded(device, [2, 3], 1);
    using y = seeded(device, [2, 3], 2);
    x.dispose();
    expect(() => add(y, x)).toThrow(/add: b \[2, 3\] is disposed\n {2}Dispose a tensor after its last use/);
    await expect(x.data()).rejects.toThrow(/data: the tensor \[2, 3\] is disposed/);
    expect(() => x.write(0, Float32Array.of(1))).toThrow(/write: target \[2, 3\] is disposed/);
  }),
  law('refuses a buffer that is freed', async (device) => {
    const buffer = device.upload(counting(4));
    device.free(buffer);
    expect(() => device.free(buffer)).toThrow(DeviceError);
    await expect(device.read(buffer)).rejects.toThrow(DeviceError);
    expect(() => device.write(buffer, 0, counting(1))).toThrow(DeviceError);
    using target = tensor(device, counting(4), [4]);
    expect(() => device.write(target.use('test'), 0, buffer)).toThrow(DeviceError);
    expect(await target.data()).toEqual(counting(4));
  }),
  law('refuses a write that does not fit, and changes nothing', async (device) => {
    using x = tensor(device, counting(8), [8]);
    expect(() => x.write(6, counting(3))).toThrow(/write puts elements at 6 … 8 of a buffer of 8/);
    expect(() => x.write(-1, counting(1))).toThrow(DeviceError);
    expect(() => x.write(0, counting(4), 2, 3)).toThrow(/write reads elements 2 … 4 of a source of 4/);
    expect(() => x.write(0, x)).toThrow(/onto itself/);
    expect(await x.data()).toEqual(counting(8));
  }),
];

/** NaN travels where float arithmetic lets it: into every row that sees it, and no other. */
const nan = law('NaN in a seen key reaches the rows that see it, and no other', async (device) => {
  const values = seededValues(6 * 2 * 4, 2);
  values[3 * 8] = Number.NaN; // key 3, head 0
  using y = scope(() =>
    attention(
      {
        q: seeded(device, [1, 6, 2, 4], 1),
        k: tensor<'B Lk Hkv D'>(device, values, [1, 6, 2, 4]),
        v: seeded(device, [1, 6, 2, 4], 3),
      },
      { causal: true },
    ),
  );
  const got = await y.data();
  using clean = scope(() =>
    attention(
      {
        q: seeded(device, [1, 6, 2, 4], 1),
        k: seeded<'B Lk Hkv D'>(device, [1, 6, 2, 4], 2),
        v: seeded(device, [1, 6, 2, 4], 3),
      },
      { causal: true },
    ),
  );
  const want = await clean.data();
  for (let i = 3; i < 6; i++) want.fill(Number.NaN, i * 8, i * 8 + 4);
  assertClose(got, want);
});

/** Checked by `checkDevice` on every device. */
export const deviceLaws: readonly DeviceLaw[] = [
  ...transfers,
  ...writes,
  ...memory,
  ...failures,
  ...failureLaws,
  nan,
];
