import { expect, it } from 'vitest';
import { createReference, keep, scope, type Tensor, zeros } from './index.ts';

it('keeps a tensor out of every scope that is open, not only of the innermost', () => {
  const device = createReference();
  let outer: Tensor | undefined;
  let inner: Tensor | undefined;
  scope(() => {
    outer = zeros(device, [2]);
    scope(() => {
      inner = zeros(device, [3]);
      scope(() => {
        keep(outer!);
        keep(inner!);
        zeros(device, [4]);
      });
    });
    expect([outer.disposed, inner!.disposed]).toEqual([false, false]);
  });
  expect([outer!.disposed, inner!.disposed]).toEqual([false, false]);
  expect(device.memory.buffers).toBe(2);
  outer!.dispose();
  inner!.dispose();
  expect(device.memory.buffers).toBe(0);
});

it('hands what an inner scope returns to the outer one, which frees it unless it returns it too', () => {
  const device = createReference();
  const kept = scope(() => {
    const [a, { b }] = scope(() => [zeros(device, [1]), { b: zeros(device, [2]) }] as const);
    return { list: [b], other: a.shape };
  });
  expect(device.memory.buffers).toBe(1);
  expect(kept.list[0]!.disposed).toBe(false);
});

it('frees what was made in every scope that an error leaves, but for what was kept', () => {
  const device = createReference();
  expect(() =>
    scope(() => {
      zeros(device, [1]);
      scope(() => {
        keep(zeros(device, [2]));
        zeros(device, [3]);
        throw new Error('inside');
      });
    }),
  ).toThrow('inside');
  expect(device.memory).toMatchObject({ buffers: 1, liveBytes: 8 });
});
