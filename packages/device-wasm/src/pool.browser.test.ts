import { linear, relu, tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createWasmWith, type WasmDevice } from './device.ts';
import { sharedPool } from './pool.ts';

const workers: Worker[] = [];
const RealWorker = globalThis.Worker;
const RealBlob = globalThis.Blob;
const made: WasmDevice[] = [];
beforeEach(() => {
  sharedPool()!.lose();
  workers.length = 0;
  globalThis.Worker = class extends RealWorker {
    constructor(url: string | URL) {
      super(url);
      workers.push(this);
    }
  };
});
afterEach(() => {
  globalThis.Worker = RealWorker;
  globalThis.Blob = RealBlob;
  for (const device of made.splice(0)) device.dispose();
});

async function create(threads: number): Promise<WasmDevice> {
  const device = await createWasmWith({ threads });
  made.push(device);
  return device;
}

function work(device: WasmDevice): void {
  const x = seeded<'N I'>(device, [200, 256], 1);
  const weight = seeded<'O I'>(device, [256, 256], 2);
  for (let n = 0; n < 20; n++) linear(x, weight).dispose();
}

/** Shares work out until every helper has taken a part of it. */
async function untilAllHelped(device: WasmDevice): Promise<void> {
  const idle = () =>
    Array.from({ length: device.engine.threads - 1 }, (_, n) => n + 1).filter(
      (n) => device.engine.signs(n) === 0,
    );
  await vi.waitFor(
    () => {
      work(device);
      expect(idle(), 'helpers that never took a task').toEqual([]);
    },
    { timeout: 600_000, interval: 1 },
  );
}

it('devices made at the same time have all their helpers', async () => {
  const devices = await Promise.all([create(2), create(3), create(2)]);
  expect(devices.map(({ engine }) => engine.threads)).toEqual([2, 3, 2]);
  for (const device of devices) await untilAllHelped(device);
});

it('hears that a helper has ended, and gives new devices new helpers', async () => {
  const device = await create(3);
  await untilAllHelped(device);
  workers[1]!.terminate();
  await vi.waitFor(() => expect(device.engine.lost).toBe(true), { timeout: 600_000 });
  expect(() => relu(tensor(device, [1], [1]))).toThrow('a helper thread has ended');
  await untilAllHelped(await create(3));
});

it('does not wait for ever for a helper that ends inside a job', async () => {
  globalThis.Blob = class extends RealBlob {
    constructor(parts: BlobPart[] = [], options?: BlobPropertyBag) {
      // comes in, and ends before it can go out
      const end = 'Atomics.add(place.state, 256, 1); close(); return; place.kernels.help(thread)';
      super([(parts[0] as string).replace('place.kernels.help(thread)', end)], options);
    }
  };
  const device = await create(2);
  expect(() => {
    for (const end = Date.now() + 600_000; Date.now() < end; ) work(device);
  }).toThrow('a helper thread has ended');
  globalThis.Blob = RealBlob;
  await untilAllHelped(await create(2));
});
