import { createDevice, type Device } from '@headwise/tensor';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type CacheSubject, laws } from './conformance/index.ts';
import { subjects } from './testing/subjects.ts';

// one device for all, because a GPU context takes a second to give up
describe.each(['gpujs:webgl2', 'gpujs:webgpu'])('on %s', (name) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice(name);
  });
  afterAll(() => device.dispose());

  describe.each(Object.entries(subjects))('%s cache', (_, subject: CacheSubject) => {
    it.each(Object.entries(laws))('%s', async (_, law) => {
      await law({ ...subject, steps: 60 }, device);
    });
  });
});
