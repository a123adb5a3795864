import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  attention,
  attentionOp,
  createDevice,
  createReference,
  defineOp,
  gather,
  headLinear,
  linear,
  listDevices,
  matmul,
  packWeights,
  permute,
  permuteOp,
  relu,
  rmsNorm,
  scope,
  slice,
  type Tensor,
  tensor,
  zeros,
} from '@headwise/tensor';
import { assertClose, openDevices, seeded, seededValues } from '@headwise/tensor/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { Kernel } from '../assembly/kernel-list.ts';
import { createWasmWith, WasmDevice, wasm } from './device.ts';
import type { EngineOptions } from './engine.ts';

const made: WasmDevice[] = [];
async function create(options: EngineOptions = { threads: 1 }): Promise<WasmDevice> {
  const device = await createWasmWith(options);
  made.push(device);
  return device;
}
afterEach(() => {
  for (const device of made.splice(0)) device.dispose();
});

/** Work of every kind that is large enough to be shared out. */
async function sample(device: WasmDevice): Promise<Float32Array[]> {
  const x = seeded<'N I'>(device, [100, 500], 1);
  const weight = seeded<'O I'>(device, [300, 500], 2);
  const q = seeded<'B Lq H D'>(device, [2, 150, 6, 32], 3);
  const k = seeded<'B Lk Hkv D'>(device, [2, 150, 2, 32], 4);
  const long = seeded<'B Lk Hkv D'>(device, [1, 3000, 2, 32], 5);
  const one = seeded<'B Lq H D'>(device, [1, 1, 6, 32], 6);
  const results = [
    linear(x, weight),
    linear(seeded(device, [1, 500], 7), seeded(device, [4000, 500], 8)),
    matmul(seeded(device, [3, 70, 90], 9), seeded(device, [3, 90, 110], 10)),
    rmsNorm(seeded(device, [400, 300], 11)),
    attention({ q, k, v: k as never }, { causal: true }),
    attention({ q: one, k: long, v: long as never }, { causal: { offset: 2990 }, window: [2000, 0] }),
  ];
  return Promise.all(results.map((result) => result.data()));
}

it('has a thread for each core, up to 8, where none are asked for', async () => {
  const device = await create({});
  expect(device.engine.threads).toBe(Math.min(8, availableParallelism()));
});

it('gives the same bits with one, two and three threads, in any order of tasks', async () => {
  const want = await sample(await create({ threads: 1 }));
  for (const threads of [2, 3]) {
    expect(await sample(await create({ threads }))).toEqual(want);
    expect(await sample(await create({ threads, shuffle: true }))).toEqual(want);
  }
});

it.each([
  ['f32', 1],
  ['f16', 1],
  ['bf16', 1],
  // one row is multiplied with blocks as integers
  ['Q8_0', 2],
  ['Q4_0', 2],
  ['Q4_1', 2],
] as const)(
  'a row of a product has the same bits with any other rows (%s, from %i on)',
  async (format, least) => {
    for (const simd of ['simd128', undefined] as const) {
      const device = await create({ threads: 2, simd });
      for (const [I, O] of [
        [32, 3],
        [416, 64],
        [800, 173],
      ] as const) {
        const plain = seeded<'O I'>(device, [O, I], 1);
        const weight = format === 'f32' ? plain : packWeights(plain, format);
        const bias = seeded(device, [O], 2);
        const rows = seededValues(101 * I, 3);
        const product = async (count: number): Promise<Float32Array> => {
          const x = tensor<'N I'>(device, rows.slice(0, count * I), [count, I]);
          return linear(x, weight, { bias }).data();
        };
        const all = await product(101);
        for (const count of [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 47, 48, 49, 50, 51, 61, 97])
          if (count >= least)
            expect(
              Buffer.from((await product(count)).buffer).equals(Buffer.from(all.buffer, 0, count * O * 4)),
              `${count} rows`,
            ).toBe(true);
      }
    }
  },
);

it('takes the tasks of a job in another order when it is to, each once', async () => {
  const device = await create({ threads: 1, shuffle: true });
  for (const tasks of [1, 2, 3, 4, 6, 16, 24, 97, 100]) {
    // each task copies one row
    const { engine } = device;
    const source = engine.heap.allocate(tasks * 4);
    const target = engine.heap.allocate(tasks * 4);
    const { i32 } = engine.heap.views;
    for (let n = 0; n < tasks; n++) i32[source / 4 + n] = n + 1;
    i32.fill(0, target / 4, target / 4 + tasks);
    engine.launch({ kernel: Kernel.rows, args: [source, target, tasks, 1, 1, 1, 1], tasks, cost: 0 });
    expect([...i32.subarray(target / 4, target / 4 + tasks)]).toEqual(
      Array.from({ length: tasks }, (_, n) => n + 1),
    );
    // all tasks write one place: what stands there is of the last one
    engine.launch({ kernel: Kernel.rows, args: [source, target, tasks, 1, 1, 0, 1], tasks, cost: 0 });
    expect(i32[target / 4] === tasks, `${tasks} tasks in their order`).toBe(tasks <= 3);
  }
});

it('stays right while two devices share the helper threads', async () => {
  const [a, b] = [await create({ threads: 2 }), await create({ threads: 3 })];
  const want = await sample(a);
  for (let round = 0; round < 3; round++) {
    expect(await sample(b)).toEqual(want);
    expect(await sample(a)).toEqual(want);
  }
});

it('lets the process end by itself', () => {
  const script = `
    import { createWasm } from '@headwise/device-wasm';
    import { linear, tensor } from '@headwise/tensor';
    const device = await createWasm({ threads: 2 });
    const x = tensor(device, new Float32Array(400 * 400).fill(1), [400, 400]);
    console.log((await linear(x, tensor(device, new Float32Array(400 * 400).fill(2), [400, 400])).data())[5]);
  `;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=@headwise/source', '--input-type=module', '--eval', script],
    { cwd: fileURLToPath(new URL('..', import.meta.url)), encoding: 'utf8', timeout: 600_000 },
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '800\n', stderr: '' });
});

it('leaks nothing over 10,000 decode steps', async () => {
  const device = await create({ threads: 2 });
  const weight = seeded<'O I'>(device, [32, 32], 1);
  const k = zeros<'B Lk Hkv D'>(device, [1, 64, 2, 16]);
  const step = (position: number): void => {
    scope(() => {
      const x = tensor<'B L E'>(device, [...seededValues(32, position)], [1, 1, 32]);
      const y = linear<'B L E'>(rmsNorm(x), weight);
      k.write((position % 64) * 32, y.reshape<'B L E'>([1, 1, 32]));
      attention(
        { q: y.reshape<'B Lq H D'>([1, 1, 2, 16]), k, v: k as never },
        { valid: 1 + (position % 64) },
      );
    });
  };
  for (let position = 0; position < 100; position++) step(position);
  const { liveBytes, buffers } = device.memory;
  const { used } = device.engine.heap;
  const size = device.engine.heap.memory.buffer.byteLength;
  for (let position = 0; position < 10_000; position++) step(position);
  expect(device.memory).toMatchObject({ liveBytes, buffers });
  expect(device.engine.heap.used).toBe(used);
  expect(device.engine.heap.memory.buffer.byteLength).toBe(size);
});

it('counts buffers as every device does', async () => {
  const device = await create();
  const x = tensor(device, [1, 2, 3], [3]);
  const y = relu(x);
  expect(device.memory).toEqual({ liveBytes: 24, peakBytes: 24, buffers: 2, extraBytes: 2 * 64 - 24 });
  x.dispose();
  device.resetPeak();
  expect(device.memory).toEqual({ liveBytes: 12, peakBytes: 12, buffers: 1, extraBytes: 64 - 12 });
  y.dispose();
});

it('refuses to grow beyond its limit and goes on working', async () => {
  const device = await create({ threads: 1, limit: 16 * 2 ** 20 });
  const x = zeros(device, [1024, 1024]);
  expect(() => zeros(device, [4096, 1024])).toThrow('cannot allocate 16 MiB');
  expect((await relu(x).data())[0]).toBe(0);
});

it('says what the heap really holds, working memory and rearranged weights too', async () => {
  const device = await create({ threads: 2 });
  const { heap } = device.engine;
  const total = (): number => device.memory.liveBytes + device.memory.extraBytes!;
  const weight = seeded<'O I'>(device, [9, 512], 1);
  const x = seeded(device, [3, 512], 2);
  expect(total()).toBe(heap.used);
  linear(x, weight).dispose();
  expect(total()).toBe(heap.used);
  expect(device.memory.liveBytes).toBe((9 + 3) * 512 * 4);
  expect(device.memory.extraBytes).toBeGreaterThan(7 * 512 * 4);
});

it('holds after a refused attention what it held before', async () => {
  const device = await create({ threads: 2 });
  const plain = tensor(device, seededValues(256 * 512, 1), [256, 512]);
  const weight = packWeights(plain, 'f16');
  const k = weight.reshape<'B Lk Hkv D'>([1, 256, 8, 64]);
  const q = plain.reshape<'B Lq H D'>([1, 256, 8, 64]);
  const { used } = device.engine.heap;
  const before = { ...device.memory, peakBytes: 0 };
  for (let n = 0; n < 1000; n++)
    expect(() => attention({ q, k, v: k as never })).toThrow('stored as f16 for [256, 512]');
  expect(device.engine.heap.used).toBe(used);
  expect({ ...device.memory, peakBytes: 0 }).toEqual(before);
});

it('holds after a call that the heap has no room for what it held before', async () => {
  const device = await create({ threads: 2, limit: 4 * 2 ** 20 });
  const q = seeded<'B Lq H D'>(device, [1, 1024, 4, 64], 1);
  const k = seeded<'B Lk Hkv D'>(device, [1, 1024, 4, 64], 2);
  const { used } = device.engine.heap;
  for (let n = 0; n < 6; n++) {
    expect(() => attention({ q, k, v: k as never })).toThrow('cannot allocate');
    expect(device.engine.heap.used).toBe(used);
    expect(device.memory.buffers).toBe(2);
  }
  assertClose(await q.data(), seededValues(1024 * 256, 1), { atol: 0, rtol: 0 });
});

it('reads and writes a weight that was rearranged as if it was not', async () => {
  const device = await create();
  const values = seededValues(9 * 5, 1);
  const weight = tensor<'O I'>(device, values, [9, 5]);
  const x = tensor(device, seededValues(5, 2), [1, 5]);
  const first = await linear(x, weight).data();
  expect(await weight.data()).toEqual(values);
  expect(await linear(x, weight).data()).toEqual(first);
  weight.write(0, new Float32Array(5));
  expect((await linear(x, weight).data())[0]).toBe(0);
  expect((await weight.data()).subarray(5)).toEqual(values.subarray(5));
  assertClose((await linear(x, weight).data()).subarray(1), first.subarray(1), { atol: 1e-6 });
});

/** Kernels that run while something is done. */
function kernelsOf(device: WasmDevice, work: () => void): string[] {
  const launch = vi.spyOn(device.engine, 'launch');
  work();
  const kernels = launch.mock.calls.map(([{ kernel }]) => Kernel[kernel]!);
  launch.mockRestore();
  return kernels;
}

// the up-projections of latent attention: naive in prefill, absorbed in every step of decoding
it.each([
  [4, 8, 24],
  [3, 5, 7],
])('packs a weight once for each way it is used, rows included (%i heads, %i → %i)', async (H, D, dc) => {
  const [device, reference] = [await create(), createReference()];
  const values = seededValues(H * D * dc, 1);
  const results = [device, reference].map((on) => {
    const up = tensor<'H O I'>(on, values, [H, D, dc]);
    const c = seeded<'N I'>(on, [3, dc], 2);
    const q = seeded<'N H I'>(on, [1, H, D], 3);
    const out = seeded<'N H I'>(on, [1, H, dc], 4);
    const ids = tensor<'N'>(on, Int32Array.of(1, 0), [2]);
    const rows = up.reshape<'O I'>([H * D, dc]);
    return () => [
      linear(c, rows),
      headLinear(q, up, { transposed: true }),
      headLinear(out, up),
      gather(rows, ids),
      slice(up, 1, 2),
    ];
  });
  const [onDevice, onReference] = results as [() => Tensor[], () => Tensor[]];
  const before = device.engine.heap.used;
  expect(kernelsOf(device, () => scope(() => void onDevice()))).toContain('panelPack');
  const held = device.engine.heap.used;
  for (let step = 0; step < 3; step++) {
    const again = kernelsOf(device, () => scope(() => void onDevice()));
    expect(again.filter((kernel) => kernel.startsWith('panel'))).toEqual([]);
    expect(device.engine.heap.used).toBe(held);
  }
  const [got, want] = [onDevice(), onReference()];
  for (const [n, each] of got.entries()) assertClose(await each.data(), await want[n]!.data());
  expect(held).toBeGreaterThan(before);
});

it('frees every form of a weight, and forgets them all when it is written', async () => {
  const device = await create();
  scope(() => void linear(seeded(device, [1, 6], 2), seeded(device, [6, 6], 1)));
  const empty = device.engine.heap.used; // what threads work with
  const weight = seeded<'N I'>(device, [6, 6], 1);
  const x = seeded<'N I'>(device, [1, 6], 2);
  const both = () =>
    scope(() => [linear(x, weight as never), linear(x, weight as never, { transposed: true }), relu(weight)]);
  for (const made of both()) made.dispose();
  weight.write(0, new Float32Array(36).fill(1));
  const sum = (await x.data()).reduce((a, b) => a + b);
  const [a, b, c] = both();
  for (const made of [a!, b!]) assertClose(await made.data(), Array(6).fill(sum), { atol: 1e-6 });
  expect(await c!.data()).toEqual(new Float32Array(36).fill(1));
  for (const made of [weight, x, a!, b!, c!]) made.dispose();
  expect(device.engine.heap.used).toBe(empty);
});

it('takes one tensor as weight and as what it is multiplied with', async () => {
  const [device, reference] = [await create(), createReference()];
  for (let round = 0; round < 2; round++) {
    const [x, y] = [seeded(device, [12, 12], 1), seeded(reference, [12, 12], 1)];
    assertClose(await linear(x, x).data(), await linear(y, y).data());
    assertClose(
      await linear(x, x, { transposed: true }).data(),
      await linear(y, y, { transposed: true }).data(),
    );
  }
});

it('takes shapes with no elements', async () => {
  const device = await create();
  expect(await linear(zeros(device, [0, 4]), zeros(device, [3, 4])).data()).toHaveLength(0);
  const bias = tensor(device, [1, 2, 3], [3]);
  expect([...(await linear(zeros(device, [2, 0]), zeros(device, [3, 0]), { bias }).data())]).toEqual([
    1, 2, 3, 1, 2, 3,
  ]);
  const q = seeded<'B Lq H D'>(device, [1, 2, 1, 4], 1);
  const none = zeros<'B Lk Hkv D'>(device, [1, 0, 1, 4]);
  expect([...(await attention({ q, k: none, v: none as never }).data())]).toEqual(Array(8).fill(0));
});

it('refuses what it has no kernel for, with the reason', async () => {
  const device = await create();
  const custom = defineOp<{ x: never }, object>({ name: 'twice', outputs: () => [], reference: () => [] });
  expect(device.supports(custom, {}, {})).toEqual([
    'twice is not one of the operations this device has kernels for',
  ]);
  const modifiers = [{ kind: 'mask', source: 'function (b, h, q, k) { return q.length; }' }] as const;
  expect(device.supports(attentionOp, {}, { modifiers })).toEqual([
    'a mask modifier leaves the portable dialect at 1:33: expects a name: scoreModifier and maskModifier of @headwise/attention-variants say what to write instead',
  ]);
  const q = seeded<'B Lq H D'>(device, [1, 2, 1, 4], 1);
  expect(() => attention({ q, k: q as never, v: q as never }, { modifiers })).toThrow('cannot run attention');
});

it('says when there are more axes than a kernel takes', async () => {
  const device = await create();
  const x = zeros(device, [1, 1, 1, 2, 1, 1, 1]);
  const axes = [6, 5, 4, 3, 2, 1, 0];
  expect(device.supports(permuteOp, { x }, { axes })).toEqual([
    'x has 7 axes, and the kernel takes 6: reshape it to fewer',
  ]);
  expect(() => permute(x, axes)).toThrow('cannot run permute');
  expect(device.memory.buffers).toBe(1);
});

it('refuses buffers of others, freed buffers, and calls after dispose', async () => {
  const [device, other] = [await create(), await create()];
  const buffer = device.upload(Float32Array.of(1));
  await expect(other.read(buffer)).rejects.toThrow('not live on this device');
  device.free(buffer);
  await expect(device.read(buffer)).rejects.toThrow('it was disposed');
  expect(() => device.free(buffer)).toThrow('it was disposed');
  device.dispose();
  expect(() => device.upload(Float32Array.of(1))).toThrow('upload on a disposed device');
});

it.each([
  [{ threads: 0 }, 'threads must be a whole number from 1 to 64, got 0'],
  [{ threads: 1.5 }, 'threads must be a whole number from 1 to 64, got 1.5'],
])('refuses %o', async (options, message) => {
  await expect(create(options)).rejects.toThrow(message);
});

it('is handed to createDevice and to the kits as a value', async () => {
  const notices: string[] = [];
  const device = await createDevice('wasm', { devices: [wasm], notify: (text) => notices.push(text) });
  expect(device.name).toBe('wasm');
  expect(notices).toEqual([]);
  device.dispose();
  const reports = await listDevices([wasm]);
  expect(reports.find(({ name }) => name === 'wasm')).toMatchObject({ reasons: [] });
  const [opened] = await openDevices({ devices: [wasm], only: ['wasm'] });
  expect(opened).toBeInstanceOf(WasmDevice);
  opened!.dispose();
});

it('says what ran', async () => {
  const device = await create({ simd: 'simd128', threads: 2 });
  expect(device.ran).toBeUndefined();
  relu(tensor(device, [1], [1]));
  expect(device.ran).toBe('simd128');
  expect(device.details).toEqual({ engine: 'WebAssembly, simd128', threads: '2' });
});
