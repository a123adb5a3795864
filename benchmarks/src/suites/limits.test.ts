import { createDevice } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { measureLimits } from './limits.ts';

it('measures multiply-adds and reads in the engine itself, with every sample', async () => {
  const device = await createDevice('gpujs:cpu');
  const { fma, read } = await measureLimits({ name: 'gpujs:cpu', device, emulated: false });
  expect(device.ran).toBe('cpu');
  expect(device.memory.liveBytes).toBe(0);
  for (const limit of [fma, read]) {
    expect(limit.reason).toBeUndefined();
    expect(limit.samples).toHaveLength(7);
    expect(limit.rate!.median).toBeGreaterThan(0.01);
    expect(limit.rate!.median).toBeLessThan(10_000);
  }
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
