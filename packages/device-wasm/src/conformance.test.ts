import { checkDevice } from '@headwise/tensor/testing';
import { refused } from './conformance-except.ts';
import { createWasmWith } from './device.ts';

checkDevice('simd128, one thread', () => createWasmWith({ simd: 'simd128', threads: 1, guard: 128 }), {
  except: refused,
});
checkDevice(
  'default instructions, two threads',
  () => createWasmWith({ threads: 2, guard: 128, shuffle: true }),
  { except: refused },
);
