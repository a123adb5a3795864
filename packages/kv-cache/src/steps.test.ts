import { createDevice } from '@headwise/tensor';
import { describe, it } from 'vitest';
import { type CacheSubject, laws } from './conformance/index.ts';
import { subjects } from './testing/subjects.ts';

// twice what the kit tries, and ten thousand where there is time: npm run test:long
const steps = process.env.HEADWISE_LONG === '1' ? 10_000 : 1000;

describe.each(['reference', 'gpujs:webasm'])(`${steps} decode steps on %s do not grow`, (name) => {
  it.each(Object.entries(subjects))('%s', async (_, subject: CacheSubject) => {
    const device = await createDevice(name);
    await laws['many steps do not grow it']({ ...subject, steps }, device);
    device.dispose();
  });
});
