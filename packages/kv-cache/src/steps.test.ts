import { createDevice } from '@headwise/tensor';
import { describe, it } from 'vitest';
import { type CacheSubject, laws } from './conformance/index.ts';
import { subjects } from './testing/subjects.ts';

describe.each(['reference', 'gpujs:webasm'])('10,000 decode steps on %s do not grow', (name) => {
  it.each(Object.entries(subjects))('%s', async (_, subject: CacheSubject) => {
    const device = await createDevice(name);
    await laws['many steps do not grow it']({ ...subject, steps: 10_000 }, device);
    device.dispose();
  });
});
