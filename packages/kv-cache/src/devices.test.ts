import { createDevice } from '@headwise/tensor';
import { checkCache } from './conformance/index.ts';
import { subjects } from './testing/subjects.ts';

for (const name of ['gpujs:cpu', 'gpujs:webasm']) {
  for (const [cache, subject] of Object.entries(subjects)) {
    checkCache(`${name}: ${cache}`, { ...subject, device: () => createDevice(name), steps: 100 });
  }
}
