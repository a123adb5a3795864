import { checkCache } from '../conformance/index.ts';
import { createQuantized } from './quantized.ts';

checkCache('quantized', {
  create: (options) => createQuantized({ ...options, bits: 8, group: 4, residual: 3 }),
  bound: 1.01 / 255,
});
checkCache('quantized', {
  create: (options) =>
    createQuantized({ ...options, bits: 4, along: { k: 'channel', v: 'token' }, group: 3, residual: 0 }),
  bound: 1.01 / 15,
});
