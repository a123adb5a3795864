import { createReference, DeviceError } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { plainSpec } from './conformance/index.ts';
import {
  createContiguous,
  createPaged,
  createQuantized,
  createRecurrent,
  createStates,
  kv,
} from './index.ts';

const options = { device: createReference(), spec: plainSpec, B: 1, capacity: 8 };

it('says why a device cannot keep rows in fewer bits, and leaves nothing behind', () => {
  const { device } = options;
  const before = device.memory.liveBytes;
  for (const make of [
    () => createContiguous({ ...options, format: 'Q8_0' }),
    () => createStates([plainSpec, plainSpec], { device, B: 1, capacity: 8, format: { v: 'f16' } }),
  ]) {
    expect(make).toThrow(DeviceError);
    expect(make).toThrow(/cannot keep numbers as (Q8_0|f16)[\s\S]*32 bits a number[\s\S]*device wasm/);
  }
  expect(device.memory.liveBytes).toBe(before);
});

it('refuses formats that there are not, and caches that cannot have one', () => {
  expect(() => createContiguous({ ...options, format: 'Q5_0' as never })).toThrow(
    'contiguous: format must be one of f16, bf16, Q8_0, Q4_0, Q4_1, got "Q5_0"',
  );
  expect(() => createContiguous({ ...options, format: { k: 'f32' as never } })).toThrow(
    'contiguous: format.k must be one of f16',
  );
  expect(() => createContiguous({ ...options, format: { keys: 'f16' } })).toThrow(
    'contiguous: format must be of the rows k, v, got "keys"',
  );
  for (const make of [createQuantized, createPaged]) {
    expect(() => make({ ...options, format: 'f16' })).toThrow('format must be left out');
  }
  const spec = { ...plainSpec, kind: 'recurrent', rows: {}, constant: { S: [2] } } as const;
  expect(() => createRecurrent({ ...options, spec, format: 'f16' })).toThrow('format must be left out');
});

it.each([
  ['f16', 2 * 16],
  ['bf16', 2 * 16],
  ['Q8_0', 4 * 34],
  ['Q4_0', 4 * 18],
  ['Q4_1', 4 * 20],
] as const)('computes the bytes of %s before anything is allocated', (dtype, bytes) => {
  const specs = [plainSpec]; // k [2, 4], v [2, 4]: a block for each head
  expect(kv(specs).bytes({ tokens: 5, B: 3, dtype })).toBe(5 * 3 * bytes);
  expect(kv(specs).bytesPerToken(dtype)).toBe(bytes);
});
