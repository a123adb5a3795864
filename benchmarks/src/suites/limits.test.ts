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

it('says why there is none on a device that cannot run the operations', async () => {
  const device = await createDevice('reference');
  device.run = () => {
    throw new Error('runs operations of the package only');
  };
  const { fma } = await measureLimits({ name: 'odd', device, emulated: false });
  expect(fma).toEqual({ samples: [], reason: 'runs operations of the package only' });
});
