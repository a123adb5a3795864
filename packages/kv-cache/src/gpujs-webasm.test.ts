import { createDevice } from '@headwise/tensor';
import { checkCache } from './conformance/index.ts';
import { subjects } from './testing/subjects.ts';

// gpu.js compiles for each length, which costs more than anything else here
const steps = process.env.HEADWISE_LONG === '1' ? 100 : 40;

// a file a mode: two workers take one each
for (const [cache, subject] of Object.entries(subjects))
  checkCache(`gpujs:webasm: ${cache}`, {
    ...subject,
    device: () => createDevice('gpujs:webasm'),
    steps,
  });
