import { createWasmWith } from './device.ts';
import { checkGradientKernels } from './testing-gradients.ts';

checkGradientKernels('relaxed, two threads', () =>
  createWasmWith({ simd: 'relaxed', threads: 2, guard: 128, shuffle: true }),
);
