import { checkDevice } from '@headwise/tensor/testing';
import { createWasmWith } from './device.ts';

checkDevice('simd128, one thread', () => createWasmWith({ simd: 'simd128', threads: 1, guard: 128 }));
checkDevice('default instructions, two threads', () =>
  createWasmWith({ threads: 2, guard: 128, shuffle: true }),
);
