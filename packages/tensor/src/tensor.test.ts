import { expect, it } from 'vitest';
import { attention, createReference, linear, scope, tensor } from './index.ts';
import { seeded } from './testing/index.ts';

it('frees what a scope made, and keeps what it returns', async () => {
  const device = createReference();
  const x = seeded<'L I'>(device, [3, 4], 1);
  const weight = seeded<'O I'>(device, [5, 4], 2);
  const y = scope(() => linear(linear(x, weight), seeded(device, [2, 5], 3)));
  expect(device.memory.buffers).toBe(3);
  expect(y.shape).toEqual([3, 2]);
  y.dispose();
  expect(device.memory.liveBytes).toBe((12 + 20) * 4);
});

it('names query heads that do not divide', () => {
  const device = createReference();
  const q = seeded<'B Lq H D'>(device, [1, 2, 8, 4], 1);
  const kv = seeded<'B Lk Hkv D'>(device, [1, 2, 3, 4], 2);
  expect(() => attention({ q, k: kv, v: kv as never })).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: attention: H = 8 query heads cannot be split into Hkv = 3 groups
      q  [B=1, Lq=2, H=8, D=4]
      k  [B=1, Lk=2, Hkv=3, D=4]
      v  [B=1, Lk=2, Hkv=3, Dv=4]]
  `);
});

it('shares memory between a tensor and its reshape', async () => {
  const device = createReference();
  const x = tensor<'L E'>(device, [1, 2, 3, 4], [2, 2]);
  const flat = x.reshape<'N'>([4]);
  x.dispose();
  expect(await flat.data()).toEqual(Float32Array.of(1, 2, 3, 4));
  flat.dispose();
  expect(device.memory.buffers).toBe(0);
});
