import { createDevice } from '@headwise/tensor';
import { checkCache } from './conformance/index.ts';
import { subjects } from './testing/subjects.ts';

// a file a mode: two workers take one each
for (const [cache, subject] of Object.entries(subjects))
  checkCache(`gpujs:cpu: ${cache}`, { ...subject, device: () => createDevice('gpujs:cpu'), steps: 100 });
