import { createDevice } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { virtualTime } from '../testing/virtual-time.ts';
import { measureLimits } from './limits.ts';

it('measures multiply-adds and reads in the engine itself, with every sample', async () => {
  const time = virtualTime(100);
  const device = time.on(await createDevice('gpujs:cpu'));
  const { fma, read } = await measureLimits({ name: 'gpujs:cpu', device, emulated: false }, time.clock.now);
  expect(device.ran).toBe('cpu');
  expect(device.memory.liveBytes).toBe(0);
  for (const limit of [fma, read]) {
    expect(limit.reason).toBeUndefined();
    expect(limit.samples).toHaveLength(7);
  }
  // 65,536 threads of 8 chains of 256 multiply-adds, and 32 MiB, in 100 ms
  expect(fma.rate!.median).toBeCloseTo((2 * 65_536 * 8 * 256) / 0.1 / 1e9, 9);
  expect(read.rate!.median).toBeCloseTo(2 ** 25 / 0.1 / 1e9, 9);
  device.dispose();
});

/** The limits of a device on which the n-th wait with nothing to wait for takes `waitMs(n)`, and work 100 ms. */
async function limitsWith(waitMs: (n: number) => number, everyWaitMs = 0) {
  const time = virtualTime(100);
  const device = time.on(await createDevice('gpujs:cpu'));
  let asked = 0;
  device.settled = async () => {
    asked++;
    time.pass(everyWaitMs + (asked % 2 === 0 ? waitMs(asked / 2) : 0));
  };
  const limits = await measureLimits({ name: 'gpujs:cpu', device, emulated: false }, time.clock.now);
  device.dispose();
  return limits;
}

it('takes the median wait off each sample: one slow wait makes no sample fast', async () => {
  const { fma, read } = await limitsWith((n) => (n % 4 === 0 ? 99.9999 : 0), 5);
  for (const limit of [fma, read]) expect(new Set(limit.samples.map((rate) => rate.toFixed(6))).size).toBe(1);
  expect(fma.rate!.median).toBeCloseTo((2 * 65_536 * 8 * 256) / 0.1 / 1e9, 9);
});

it('says why there is none where the work is no longer than a wait', async () => {
  const { fma, read } = await limitsWith(() => 0, 150);
  const reason =
    'work of 100 ms (100 ms at the least) beside a wait of 150 ms: too little to measure; run it on a machine without other work';
  expect(fma).toEqual({ samples: [], reason });
  expect(read).toEqual({ samples: [], reason });
});

it('says why there is none on a device that cannot run the operations', async () => {
  const device = await createDevice('reference');
  device.run = () => {
    throw new Error('runs operations of the package only');
  };
  const { fma } = await measureLimits({ name: 'odd', device, emulated: false });
  expect(fma).toEqual({ samples: [], reason: 'runs operations of the package only' });
});
