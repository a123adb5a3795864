import { expect, it } from 'vitest';
import { add, createReference, DeviceError, linear, tensor, zeros } from './index.ts';

it('refuses tensors of two devices that have one name', () => {
  const [a, b] = [createReference(), createReference()];
  const [x, y] = [zeros(a, [2, 2]), zeros(b, [2, 2])];
  for (const act of [() => add(x, y), () => linear(y, x)]) {
    expect(act).toThrow(DeviceError);
    expect(act).toThrow(/was given (b|weight) from another device, reference/);
  }
  const used = [a, b].map((device) => device.memory.buffers);
  expect(used).toEqual([1, 1]);
});

it('refuses to write from a buffer of another device', async () => {
  const [a, b] = [createReference(), createReference()];
  const target = zeros(a, [2]);
  expect(() => target.write(0, tensor(b, [1, 2], [2]))).toThrow(
    'reference: write was given source from another device, reference',
  );
  expect(await target.data()).toEqual(Float32Array.of(0, 0));
});
