import type { Worker } from 'node:worker_threads';
import {
  add,
  createReference,
  type Device,
  expertLinear,
  linear,
  type Recording,
  recorded,
  relu,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Kernel } from '../assembly/kernel-list.ts';
import { createWasmWith, type WasmDevice } from './device.ts';
import type { Engine, EngineOptions } from './engine.ts';
import type { Job } from './job.ts';
import { Pool, sharedPool } from './pool.ts';
import { inPhases, Program } from './program.ts';
import { layerOn } from './testing-recording.ts';

const made: WasmDevice[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const device of made.splice(0)) device.dispose();
});

async function create(options: EngineOptions = { threads: 1 }): Promise<WasmDevice> {
  const device = await createWasmWith(options);
  made.push(device);
  return device;
}

const odd = { B: 1, H: 3, Hkv: 3, D: 12, F: 29, V: 37, S: 300 };
const blocks = { B: 1, H: 4, Hkv: 2, D: 16, F: 96, V: 41, S: 300 };
const cases = [
  ['odd sizes', odd, {}],
  ['a batch', { ...odd, B: 3 }, {}],
  ['a batch in a group', { ...blocks, B: 2 }, {}],
  ['weights in Q8_0', { ...blocks, format: 'Q8_0' }, {}],
  ['weights in Q4_0, rows in 8 bits', { ...blocks, format: 'Q4_0' }, { activations: 'int8' }],
  ['a batch, rows in 8 bits', { ...blocks, B: 2, format: 'Q4_1' }, { activations: 'int8' }],
] as const;

describe.each([
  { threads: 1 },
  { threads: 2 },
  { threads: 2, shuffle: true, simd: 'simd128', guard: 64 },
] as const)('with %o', (threads) => {
  it.each(cases)('has the bits of a step that runs as it comes: %s', async (_, sizes, options) => {
    const [device, plain] = [
      await create({ ...options, ...threads }),
      await create({ ...options, ...threads }),
    ];
    const [layer, other] = [layerOn(device, sizes), layerOn(plain, sizes)];
    const recording = device.record();
    for (const { work } of [layer, other]) scope(work).dispose();
    for (let position = 116; position < 140; position++) {
      layer.place(position);
      other.place(position);
      const y = recorded(recording, [sizes.B, sizes.V], layer.work);
      const z = scope(other.work);
      expect(await y.data(), `position ${position}`).toEqual(await z.data());
      y.dispose();
      z.dispose();
    }
    // noted twice at the beginning, and twice where a second chunk of 128 keys begins
    expect(recording.replays).toBe(24 - 4);
    expect(recording.refused).toBeUndefined();
  });
});

it('equals float64', async () => {
  const [device, reference] = [await create({ threads: 2 }), createReference()];
  const [layer, other] = [layerOn(device, odd), layerOn(reference, odd)];
  const recording = device.record();
  for (const { work } of [layer, other]) scope(work).dispose();
  for (let position = 0; position < 6; position++) {
    layer.place(position);
    other.place(position);
    const y = recorded(recording, [1, odd.V], layer.work);
    assertClose(await y.data(), await scope(other.work).data(), { rtol: 1e-4, atol: 1e-5 });
  }
  expect(recording.replays).toBe(4);
});

it('hands out a result that stays, however many are held', async () => {
  const device = await create();
  const layer = layerOn(device, odd);
  const recording = device.record();
  const held: { y: Tensor; values: Float32Array }[] = [];
  for (let position = 0; position < 9; position++) {
    layer.place(position);
    const y = recorded(recording, [1, odd.V], layer.work);
    held.push({ y, values: (await y.data()) as Float32Array });
  }
  for (const { y, values } of held) expect(await y.data()).toEqual(values);
  recording.dispose();
  for (const { y, values } of held) expect(await y.data()).toEqual(values);
  for (const { y } of held) y.dispose();
});

it('allocates nothing in a step that is done again, and gives everything back at the end', async () => {
  const device = await create();
  const layer = layerOn(device, odd);
  layer.place(0);
  scope(layer.work).dispose();
  const before = device.engine.heap.used;
  const buffers = device.memory.buffers;
  const recording = device.record();
  const step = (position: number): void => {
    layer.place(position);
    recorded(recording, [1, odd.V], layer.work).dispose();
  };
  for (let position = 0; position < 4; position++) step(position);
  const allocate = vi.spyOn(device.engine.heap, 'allocate');
  const used = device.engine.heap.used;
  for (let n = 0; n < 300; n++) step(n % 100);
  expect(allocate).not.toHaveBeenCalled();
  expect(device.engine.heap.used).toBe(used);
  expect(device.memory.buffers).toBe(buffers);
  expect(recording.replays).toBe(302);
  recording.dispose();
  recording.dispose();
  expect(device.engine.heap.used).toBe(before);
  step(5);
  expect(recording.replays).toBe(302);
  expect(device.engine.heap.used).toBe(before);
});

it('takes a results’ place on the way again: the arena is smaller than all results together', async () => {
  const device = await create();
  const layer = layerOn(device, { ...odd, F: 512 });
  layer.place(0);
  scope(layer.work).dispose();
  const before = device.engine.heap.used;
  const recording = device.record();
  recorded(recording, [1, odd.V], layer.work);
  // gate, up and the gated product are 2 kB each, of which two live at a time with what comes before
  expect(device.engine.heap.used - before).toBeLessThan(3 * 2048 + 14 * 192 + 4096);
});

describe('is not done again', () => {
  type Work = (device: WasmDevice, x: Tensor, n: number) => Tensor;
  const kept: Tensor[] = [];
  const refusals: readonly (readonly [string, Work, string])[] = [
    [
      'where numbers from the host differ',
      (device, x, n) => scope(() => add(x, tensor(device, [n, 1], [1, 2]))),
      'one step asks for other work than the next',
    ],
    [
      'where the host writes',
      (_, x, n) => {
        x.write(0, Float32Array.of(n));
        return linear(x, x);
      },
      'the host writes',
    ],
    ['where zeros are made', (device, x) => linear(x, zeros(device, [1, 2])), 'zeros are made on the host'],
    [
      'where something outlives it',
      (_, x) => {
        const y = linear(x, x);
        kept.push(linear(x, x));
        return y;
      },
      'something that was made inside outlives it',
    ],
    [
      'where the host looks at numbers',
      (device, x) =>
        expertLinear(
          x.reshape([1, 1, 2]),
          relu(seeded(device, [2, 2], 3)),
          tensor(device, Int32Array.of(1), [1, 1]),
          {
            experts: 2,
          },
        ),
      'expertLinear: which experts are chosen is read on the host',
    ],
    ['where it makes nothing', (_, x) => x, 'the result was there before'],
  ];
  it.each(refusals)('%s', async (_, work, reason) => {
    const device = await create();
    const x = tensor(device, [1, 2], [1, 2]);
    const recording = device.record();
    for (let n = 0; n < 9; n++) {
      const run = (): Tensor => work(device, x, n);
      const y = recordedKeeping(recording, run);
      const z = run();
      expect(await y.data()).toEqual(await z.data());
    }
    expect(recording.replays).toBe(0);
    expect(recording.refused).toBe(reason);
  });

  /** As `recorded`, but that nothing is freed. */
  function recordedKeeping(recording: Recording, work: () => Tensor): Tensor {
    let y: Tensor | undefined;
    recording.run(() => {
      y = work();
      return y.use('test');
    });
    return y!;
  }
});

it('is noted anew where something that it reads has gone, or is asked to', async () => {
  const device = await create();
  const recording = device.record();
  let weight = seeded(device, [5, 4], 1);
  const x = seeded(device, [1, 4], 2);
  const step = async (): Promise<void> => {
    const y = recorded(recording, [1, 5], () => linear(x, weight));
    expect(await y.data()).toEqual(await linear(x, weight).data());
    y.dispose();
  };
  linear(x, weight);
  for (let n = 0; n < 4; n++) await step();
  expect(recording.replays).toBe(2);
  weight.dispose();
  weight = seeded(device, [5, 4], 3);
  linear(x, weight);
  for (let n = 0; n < 3; n++) await step();
  expect(recording.replays).toBe(3);
  recording.forget();
  for (let n = 0; n < 3; n++) await step();
  expect(recording.replays).toBe(4);
});

it('leaves nothing behind when the step throws, and refuses to be recorded inside of itself', async () => {
  const device = await create();
  const x = seeded(device, [1, 4], 2);
  const weight = seeded(device, [5, 4], 1);
  linear(x, weight).dispose();
  const before = device.engine.heap.used;
  const [recording, inner] = [device.record(), device.record()];
  const work = (): Tensor => linear(x, weight);
  for (let n = 0; n < 3; n++) {
    const failing = (): Tensor => {
      work();
      throw new Error('no');
    };
    expect(() => recorded(recording, [1, 5], failing)).toThrow('no');
    expect(device.engine.heap.used).toBe(before);
    recorded(recording, [1, 5], work).dispose();
    expect(() => recorded(recording, [1, 5], failing)).toThrow('no');
    expect(device.engine.heap.used).toBe(before);
  }
  const nested = (): Tensor => recorded(inner, [1, 5], work);
  expect(() => recorded(recording, [1, 5], nested)).toThrow('a recording inside of a recording');
  device.dispose();
  expect(() => recorded(recording, [1, 5], work)).toThrow('record on a disposed device');
  expect(() => device.record()).toThrow('record on a disposed device');
});

describe('phases', () => {
  const jobs = (count: number): Job[] =>
    Array<Job>(count).fill({ kernel: Kernel.rows, args: [], tasks: 1, cost: 1 });
  const operation = (reads: number[], writes: number[], count = 1) => ({
    name: 'rows',
    jobs: jobs(count),
    reads,
    writes,
  });

  it('put together what does not touch the same, however far apart it came', () => {
    const list = [operation([1], [2]), operation([2], [3]), operation([1], [4]), operation([3, 4], [5])];
    expect(inPhases(list).map((phase) => phase.map(([n]) => n))).toEqual([[0, 2], [1], [3]]);
  });

  it('wait for who reads before they write there, and for every job of an operation', () => {
    const list = [operation([1], [2], 2), operation([2], [3]), operation([9], [2])];
    expect(inPhases(list)).toEqual([[[0, 0]], [[0, 1]], [[1, 0]], [[2, 0]]]);
  });
});

describe('what fails in the middle', () => {
  const workers: Worker[] = [];

  /** A program of two long phases, each with a task for each thread. */
  async function longProgram(kernel: Kernel, args: (engine: Engine) => number[]) {
    sharedPool()!.lose();
    workers.length = 0;
    const remember = (worker: Worker): void => void workers.push(worker);
    process.on('worker', remember);
    const device = await create({ threads: 2 });
    process.off('worker', remember);
    const { engine } = device;
    await untilHelped(device);
    const job = { kernel, args: args(engine), tasks: 2, cost: 1e9 };
    const operation = { name: 'long', jobs: [job, job], reads: [], writes: [] };
    return { device, program: new Program(engine, [operation], [], { scratch: 4096, result: 0 }) };
  }

  /** Shares work out until the helper, which has just begun, has taken a part of it. */
  async function untilHelped(device: WasmDevice): Promise<void> {
    const [x, weight] = [seeded<'N I'>(device, [200, 256], 1), seeded<'O I'>(device, [256, 256], 2)];
    for (const end = Date.now() + 600_000; device.engine.signs(1) === 0 && Date.now() < end; ) {
      for (let n = 0; n < 20; n++) linear(x, weight).dispose();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Rings, and goes on when the helper has taken a task. */
  function ringAndWait(engine: Engine, then: () => void): void {
    const { ring } = Pool.prototype;
    vi.spyOn(Pool.prototype, 'ring').mockImplementation(function (this: Pool, id: number) {
      const before = engine.signs(1);
      ring.call(this, id);
      for (const end = Date.now() + 600_000; engine.signs(1) === before; )
        if (Date.now() > end) throw new Error('the helper never came');
      then();
    });
  }

  const dots = ({ heap }: Engine): number[] => {
    const row = heap.allocate(4096);
    const args = Array<number>(41).fill(0);
    return Object.assign(args, { 0: row, 1: row, 5: 1, 6: 2, 7: 1, 8: 1024, 9: 100_000, 10: 1, 13: 100_000 });
  };

  it('a helper that ends is said, and not waited for', async () => {
    const { device, program } = await longProgram(Kernel.scores, dots);
    ringAndWait(device.engine, () => void workers[0]!.terminate());
    expect(() => program.run(0)).toThrow('a helper thread has ended');
    expect(() => program.run(0)).toThrow('a helper thread has ended');
  });

  it('a kernel that fails ends it, and the helper lives on', async () => {
    // task 0 reads what is there, task 1 reads 4 GiB further on
    const { device, program } = await longProgram(Kernel.argmax, ({ heap }) => {
      const row = heap.allocate(64);
      heap.views.i32[row / 4] = 0;
      return [row, row, 2 ** 30 - 1];
    });
    ringAndWait(device.engine, () => {});
    expect(() => program.run(0)).toThrow();
    expect(device.engine.lost).toBe(false);
    vi.restoreAllMocks();
    const x: Device = device;
    const weight = seeded<'O I'>(x, [256, 256], 2);
    expect((await linear(seeded<'N I'>(x, [8, 256], 1), weight).data()).length).toBe(2048);
  });
});
