import { createWasmWith } from './device.ts';
import { checkGradientKernels } from './testing-gradients.ts';

checkGradientKernels('simd128, one thread', () =>
  createWasmWith({ simd: 'simd128', threads: 1, guard: 128 }),
);
checkGradientKernels('default instructions, two threads', () =>
  createWasmWith({ threads: 2, guard: 128, shuffle: true }),
);
