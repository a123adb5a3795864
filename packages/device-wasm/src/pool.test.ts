import type { Worker } from 'node:worker_threads';
import { linear, relu, tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Kernel } from '../assembly/kernel-list.ts';
import { CONTROL, COUNTERS } from './control.ts';
import { createWasmWith, type WasmDevice } from './device.ts';
import type { Engine } from './engine.ts';
import * as kernels from './generated/kernels.ts';
import type { Job } from './job.ts';
import { compileKernels } from './module.ts';
import { Pool, sharedPool } from './pool.ts';
import { settle } from './settle.ts';

const workers: Worker[] = [];
const remember = (worker: Worker): void => {
  workers.push(worker);
};
const made: WasmDevice[] = [];
beforeEach(() => {
  // every test with helpers of its own
  sharedPool()!.lose();
  workers.length = 0;
  process.on('worker', remember);
});
afterEach(() => {
  process.off('worker', remember);
  vi.restoreAllMocks();
  for (const device of made.splice(0)) device.dispose();
});

async function create(threads: number): Promise<WasmDevice> {
  const device = await createWasmWith({ threads });
  made.push(device);
  return device;
}

/** A job that takes each thread tenths of a second: dot products of one query with one key, again and again. */
function longJob({ heap }: Engine, tasks: number): Job {
  const D = 1024;
  const row = heap.allocate(D * 4);
  const args = Array<number>(41).fill(0);
  Object.assign(args, { 0: row, 1: row, 5: 1, 6: tasks, 7: 1, 8: D, 9: 100_000, 10: 1, 13: 100_000 });
  return { kernel: Kernel.scores, args, tasks, cost: 1e9 };
}

/** Ends what hangs, and nothing else. */
const HANGS_MS = 600_000;

/** Shares work out until every helper has taken a part of it. */
async function untilAllHelped(device: WasmDevice): Promise<void> {
  const { engine } = device;
  const x = seeded<'N I'>(device, [200, 256], 1);
  const weight = seeded<'O I'>(device, [256, 256], 2);
  const idle = () =>
    Array.from({ length: engine.threads - 1 }, (_, n) => n + 1).filter((n) => engine.signs(n) === 0);
  for (const end = Date.now() + HANGS_MS; idle().length > 0 && Date.now() < end; ) {
    for (let n = 0; n < 20; n++) linear(x, weight).dispose();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(idle(), 'helpers that never took a task').toEqual([]);
}

it.each([
  [2, 3],
  [3, 2],
  [4, 2],
])('devices made at the same time with %i and %i threads have all their helpers', async (a, b) => {
  const devices = await Promise.all([create(a), create(b), create(a)]);
  expect(devices.map(({ engine }) => engine.threads)).toEqual([a, b, a]);
  for (const device of devices) await untilAllHelped(device);
});

it('a device that comes while helpers start leaves none of them behind', async () => {
  const pool = sharedPool()!;
  const first = await create(2);
  const more = pool.ensure(2);
  await vi.waitFor(() => expect(workers.length).toBe(2), { timeout: HANGS_MS, interval: 0 });
  // it is on its way and does not read letters yet
  const { module } = await compileKernels(kernels, undefined, true);
  pool.attach(first.engine.heap.memory, module);
  await more;
  for (const device of [first, await create(3)]) await untilAllHelped(device);
});

it('says that a helper has ended, and gives new devices new helpers', async () => {
  const device = await create(3);
  const other = await create(2);
  const x = tensor(device, [1, -2], [2]);
  await untilAllHelped(device);
  await workers[1]!.terminate();
  expect(() => relu(x)).toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: wasm: a helper thread has ended, so this device can compute no more
      - helper 2 of 2 has ended
      - it may have left a job half done; what tensors hold can still be read
      Create a new device: it starts new helpers.]
  `);
  expect(() => relu(tensor(other, [1], [1]))).toThrow('a helper thread has ended');
  expect(await x.data()).toEqual(Float32Array.of(1, -2));
  const fresh = await create(3);
  await untilAllHelped(fresh);
});

it('notices that a helper has ended without an event, if it is asked to share work', async () => {
  const device = await create(2);
  await untilAllHelped(device);
  void workers[0]!.terminate();
  const x = seeded<'N I'>(device, [200, 256], 1);
  const weight = seeded<'O I'>(device, [256, 256], 2);
  expect(() => {
    for (const end = Date.now() + HANGS_MS; Date.now() < end; ) linear(x, weight).dispose();
  }).toThrow('helper 1 of 1 has ended');
});

/** Rings, and goes on when the helper has taken a task. */
function ringAndWait(engine: Engine, then: () => void) {
  const { ring } = Pool.prototype;
  return vi.spyOn(Pool.prototype, 'ring').mockImplementation(function (this: Pool, id: number) {
    const before = engine.signs(1);
    ring.call(this, id);
    for (const end = Date.now() + HANGS_MS; engine.signs(1) === before; )
      if (Date.now() > end) throw new Error('the helper never came');
    then();
  });
}

it('does not wait for a helper that ends inside a job', async () => {
  const device = await create(2);
  await untilAllHelped(device);
  const { engine } = device;
  ringAndWait(engine, () => void workers[0]!.terminate());
  expect(() => engine.launch(longJob(engine, 2))).toThrow('a helper thread has ended');
});

it('gives back no memory that a helper which has ended may still write to', async () => {
  const device = await create(2);
  await untilAllHelped(device);
  const { engine } = device;
  const x = seeded<'N I'>(device, [200, 256], 1);
  const weight = seeded<'O I'>(device, [256, 256], 2);
  linear(x, weight).dispose();
  engine.restoreScratch(0);
  let lost = false;
  const loss = vi.spyOn(engine, 'lost', 'get').mockImplementation(() => lost);
  const ringing = ringAndWait(engine, () => {
    lost = true;
  });
  expect(() => linear(x, weight)).toThrow('a helper thread has ended');
  expect(engine.scratch).toBeGreaterThan(0);
  loss.mockRestore();
  ringing.mockRestore();
});

it('a kernel that fails in a helper fails the job, and the helper lives on', async () => {
  const device = await create(2);
  await untilAllHelped(device);
  const { engine } = device;
  const row = engine.heap.allocate(64);
  const ringing = ringAndWait(engine, () => {});
  // task 0, of the calling thread, reads what is there; task 1 reads 4 GiB further on
  const args = [row, row, 2 ** 30 - 1];
  engine.heap.views.i32[row / 4] = 0;
  expect(() => engine.launch({ kernel: Kernel.argmax, args, tasks: 2, cost: 1e9 })).toThrow();
  ringing.mockRestore();
  expect(engine.lost).toBe(false);
  await untilAllHelped(device);
});

it('a device that is gone is gone for the helpers too', async () => {
  const pool = sharedPool()!;
  const [kept, gone] = [await create(2), await create(2)];
  await untilAllHelped(gone);
  const rings: number[] = [];
  const { ring } = Pool.prototype;
  vi.spyOn(Pool.prototype, 'ring').mockImplementation(function (this: Pool, id: number) {
    rings.push(id);
    ring.call(this, id);
  });
  linear(seeded<'N I'>(gone, [200, 256], 1), seeded<'O I'>(gone, [256, 256], 2));
  const place = rings.at(-1)!;
  gone.dispose();
  await untilAllHelped(kept);
  expect(rings.at(-1)).not.toBe(place);
  // an open job of the memory that is gone, of one task: whoever still knew it would come in and take it
  const { i32 } = gone.engine.heap.views;
  const [tasks, counter] = [CONTROL / 4 + 2, COUNTERS / 4];
  i32[tasks] = 0;
  const before = gone.engine.signs(1);
  const inside: number[] = [];
  i32[CONTROL / 4] = 1 << 30;
  for (let n = 0; n < 40; n++) {
    i32[counter] = 0;
    ring.call(pool, place);
    await new Promise((resolve) => setTimeout(resolve, 2));
    inside.push(i32[counter]!);
  }
  expect(new Set(inside), 'times a helper looked for tasks').toEqual(new Set([0]));
  expect(gone.engine.signs(1)).toBe(before);
});

/** A pool as `settle` sees it. */
function fakePool(known: boolean) {
  return {
    lost: undefined as string | undefined,
    inspect: () => known,
    lose() {
      this.lost = 'given up';
    },
  };
}

it('gives up where nobody knows who lives, after many looks without a sign of life', () => {
  let time = 0;
  const clock = () => (time += 20);
  let looks = 0;
  const never = {
    settle: () => {
      looks++;
      return 1;
    },
  };
  const pool = fakePool(false);
  settle(never, pool, () => 7, clock);
  expect(pool.lost).toBe('given up');
  expect(time).toBeGreaterThan(800);
  expect(looks).toBeLessThan(200);
});

it.each([
  ['that gives signs of life', false],
  ['of which the runtime says that it lives', true],
])('waits for a helper %s, however long it takes', (_, known) => {
  let left = 1000;
  let time = 0;
  let signs = 0;
  const pool = fakePool(known);
  const clock = (): number => (time += 20);
  settle({ settle: () => left-- }, pool, () => (known ? 7 : signs++), clock);
  expect(pool.lost).toBeUndefined();
  expect(left).toBe(-1);
});
