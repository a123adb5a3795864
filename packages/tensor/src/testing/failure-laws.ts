import { expect } from 'vitest';
import { sizeOf } from '../axes.ts';
import type { Device, DType } from '../contracts/device.ts';
import { ValueError } from '../errors.ts';
import { defineOp, run, watch } from '../op.ts';
import { attention } from '../ops/attention.ts';
import { binary } from '../ops/broadcast.ts';
import { add } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import { linear } from '../ops/linear.ts';
import { storeRows } from '../ops/store-rows.ts';
import { scope } from '../scope.ts';
import { type Tensor, tensor, zeros } from '../tensor.ts';
import { counting, type DeviceLaw, law } from './device-law.ts';
import { type OpSample, opSamples } from './op-samples.ts';
import { seeded } from './seeded.ts';

/** What a device holds, but for the peak. */
function held({ memory: { liveBytes, buffers, extraBytes } }: Device): object {
  return { liveBytes, buffers, extraBytes };
}

/** An operation that no device has, whose own loops fail, and of its kernels and its composition the second half. */
const failing = defineOp<{ x: Tensor }, Record<never, never>>({
  name: 'failing',
  outputs: ({ x }) => [{ shape: x.shape, dtype: 'f32' }],
  reference() {
    throw new RangeError('failing: on purpose');
  },
  lower({ x }) {
    add(x, x);
    throw new RangeError('failing: on purpose');
  },
  gpujs: ({ x: { shape } }) => ({
    steps: [
      { name: 'first', source: 'function (x) { return x[0]; }', args: ['x'], length: sizeOf(shape) },
      { name: 'y', source: 'function (first) { return missing; }', args: ['first'], length: sizeOf(shape) },
    ],
    outputs: ['y'],
  }),
});

/** Calls that every device refuses, each under what its message names; their tensors go into `made`. */
function refusals(device: Device, made: Tensor[]): readonly (readonly [string, () => unknown])[] {
  const x = seeded<'B Lq H D'>(device, [1, 6, 2, 4], 1);
  const k = seeded<'B Lk Hkv D'>(device, [1, 6, 2, 4], 2);
  const row = seeded(device, [7], 3);
  const gone = seeded<'B Lk Hkv Dv'>(device, [1, 6, 2, 4], 4);
  gone.dispose();
  made.push(x, k, row);
  return [
    ['add: ', () => add(x, row)],
    ['attention: ', () => attention({ q: x, k, v: gone })],
    ['attention: ', () => attention({ q: x, k, v: k as never }, { valid: 7 })],
    ['attention: ', () => attention({ q: x, k: k.reshape([1, 12, 1, 4]), v: k as never })],
    ['linear: ', () => linear(x, row)],
    ['gather: ', () => gather(row.reshape([7, 1]), row as never)],
    ['write ', () => x.write(47, row)],
    ['storeRows: ', () => storeRows(x, x, row as never)],
  ];
}

/** The arguments of a sample as zeros, the one called `odd` in the other dtype. */
function made(device: Device, { inputs }: OpSample, odd: string): Record<string, Tensor<string, DType>> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype }]) => {
      const other = dtype === 'f32' ? 'i32' : 'f32';
      return [name, zeros(device, shape, name === odd ? other : dtype)];
    }),
  );
}

/** Computes something and reads it: what computes later fails later. */
async function awaited(work: () => Tensor): Promise<void> {
  using y = work();
  await y.data();
}

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

/** Checked by `checkDevice`: a call that is refused or fails leaves nothing behind and changes nothing. */
export const failureLaws: readonly DeviceLaw[] = [
  law('holds after 1,000 refused calls what it held before', async (device) => {
    const made: Tensor[] = [];
    const calls = refusals(device, made);
    const before = held(device);
    for (let n = 0; n < 1000; n++) {
      const [name, call] = calls[n % calls.length]!;
      expect((caught(() => scope(call)) as Error).message).toContain(name);
    }
    expect(held(device)).toEqual(before);
    for (const tensor of made) tensor.dispose();
  }),
  law('gives back what a failed call had made', async (device) => {
    using x = seeded(device, [5, 8], 1);
    const before = held(device);
    for (let n = 0; n < 3; n++)
      await expect(awaited(() => run(failing, { x }, {})[0] as Tensor)).rejects.toThrow('failing');
    await device.settled();
    expect(held(device)).toEqual(before);
  }),
  law('gives back what one of its own operations had made that asks for too much memory', async (device) => {
    // gpu.js and the reference run what is defined elsewhere, and fail in that
    if (device.supports(failing, {}, {}).length === 0) return;
    const size = 2 ** 20;
    using column = zeros(device, [size, 1]);
    using row = zeros(device, [1, size]);
    const before = held(device);
    for (let n = 0; n < 3; n++) await expect(awaited(() => binary(column, row, 'add'))).rejects.toThrow();
    await device.settled();
    expect(held(device)).toEqual(before);
    using sum = add(column, column);
    expect((await sum.data())[size - 1]).toBe(0);
  }),
  law('gives back the results that a throwing look has seen', async (device) => {
    using x = seeded(device, [5, 8], 1);
    using _ = add(x, x);
    const before = held(device);
    const look = (): void => {
      throw new RangeError('seen');
    };
    expect(() => watch(look, () => add(x, x))).toThrow('seen');
    expect(held(device)).toEqual(before);
  }),
  ...opSamples.map((sample) =>
    law(`${sample.op.name} takes no argument of another dtype, and names it`, async (device) => {
      for (const name of Object.keys(sample.inputs)) {
        const { dtypes = {} } = sample.op;
        const inputs = scope(() => made(device, sample, name));
        if (dtypes[name] === 'any') {
          // one of several such arguments: they are to be of one dtype
          if (Object.values(dtypes).filter((dtype) => dtype === 'any').length > 1)
            expect(() => run(sample.op, inputs, sample.params)).toThrow(ValueError);
        } else {
          const refused = caught(() => run(sample.op, inputs, sample.params));
          expect(refused).toMatchObject({ op: sample.op.name, argument: name });
          expect((refused as Error).message).toContain(`must be of dtype ${dtypes[name] ?? 'f32'}`);
        }
        for (const tensor of Object.values(inputs)) tensor.dispose();
      }
    }),
  ),
  law('stores no rows that it refuses, and changes nothing', async (device) => {
    using target = tensor(device, counting(12), [1, 4, 3]);
    using two = seeded(device, [1, 2, 3], 1);
    using slots = tensor(device, Int32Array.of(0, 1), [1, 2]);
    using floats = tensor(device, [0, 1], [1, 2]);
    using ids = tensor(device, new Int32Array(6), [1, 2, 3]);
    using all = tensor(device, Int32Array.of(0, 1, 2, 3), [1, 4]);
    expect(() => storeRows(target, two, floats as never)).toThrow(/storeRows: slots must be of dtype i32/);
    expect(() => storeRows(target, ids as never, slots)).toThrow(/storeRows: rows must be of dtype f32/);
    expect(() => storeRows(target, two, all)).toThrow(/rows must be \[B, L, ...row\] of a target/);
    expect(() => storeRows(target, target, all)).toThrow(/target and rows share their memory/);
    expect(await target.data()).toEqual(counting(12));
  }),
];
