import { expect, it } from 'vitest';
import { add, attention, createReference, keep, linear, scope, type Tensor, tensor } from './index.ts';
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

it('keeps what is handed to keep() in a scope within scopes, however deep', async () => {
  const device = createReference();
  const kept: Tensor[] = [];
  const outer = scope(() => {
    const early = tensor(device, [1], [1]);
    const inner = scope(() => {
      const late = tensor(device, [2], [1]);
      scope(() => {
        // made in scopes further out, and in this one
        kept.push(keep(early), keep(late), keep(tensor(device, [3], [1])));
        tensor(device, [4], [1]);
      });
      return tensor(device, [5], [1]);
    });
    expect(inner.disposed).toBe(false);
    tensor(device, [6], [1]);
    return undefined;
  });
  expect(outer).toBeUndefined();
  expect(kept.map(({ disposed }) => disposed)).toEqual([false, false, false]);
  expect(await Promise.all(kept.map(async (each) => (await each.data())[0]))).toEqual([1, 2, 3]);
  expect(device.memory.buffers).toBe(3);
});

it('refuses tensors of two devices that have the same name', () => {
  const [one, other] = [createReference(), createReference()];
  const [a, b] = [tensor(one, [1, 2], [2]), tensor(other, [3, 4], [2])];
  expect(() => add(a, b)).toThrow('add was given b from another device, reference');
  expect(() => a.write(0, b)).toThrow('reference: write was given source from another device, reference');
  expect([one.memory.buffers, other.memory.buffers]).toEqual([1, 1]);
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
