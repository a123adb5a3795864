import { afterEach, expect, it, vi } from 'vitest';
import { defineOp, run } from '../../op.ts';
import { attention, attentionOp } from '../../ops/attention.ts';
import { reluOp } from '../../ops/elementwise.ts';
import { argmax } from '../../ops/rank.ts';
import type { Tensor } from '../../tensor.ts';
import { tensor, zeros } from '../../tensor.ts';
import { createDevice } from '../devices.ts';
import { loadGpujs } from './library.ts';
import type { KernelStep } from './plan.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** An operation whose plan is one kernel. */
function custom(step: Omit<KernelStep, 'name' | 'length'>, length = 4) {
  return defineOp<{ x: Tensor }, Record<never, never>>({
    name: 'custom',
    outputs: () => [{ shape: [length], dtype: 'f32' }],
    reference: () => [new Float64Array(length)],
    gpujs: () => ({ steps: [{ name: 'y', length, ...step }], outputs: ['y'] }),
  });
}

it.each(['gpujs:cpu', 'gpujs:webasm'])(
  'gives back what gpu.js holds when %s is disposed, once',
  async (name) => {
    const { GPU } = await loadGpujs(name);
    const destroy = vi.spyOn(GPU.prototype as { destroy(): Promise<void> }, 'destroy');
    const device = await createDevice(name);
    await tensor(device, [1], [1]).data();
    const before = destroy.mock.calls.length;
    device.dispose();
    device.dispose();
    expect(destroy.mock.calls.length - before).toBe(1);
  },
);

it('runs the plan that an operation brings along', async () => {
  const device = await createDevice('gpujs:webasm');
  const x = tensor(device, [1, 2, 3, 4], [4]);
  const square = custom({
    source: 'function (x) { return x[this.thread.x] * x[this.thread.x]; }',
    args: ['x'],
  });
  const [y] = run(square, { x }, {});
  expect(await y!.data()).toEqual(Float32Array.of(1, 4, 9, 16));
  expect(device.ran).toBe('webasm');
});

it('refuses when gpu.js would fall back to the CPU, without running there', async () => {
  const warn = vi.spyOn(console, 'warn');
  const device = await createDevice('gpujs:webasm');
  const x = tensor(device, [1, 2, 3, 4], [4]);
  // gpu.js cannot return truth values from WebAssembly and falls back for them
  const truth = custom({ source: 'function (x) { return x[this.thread.x] > 2; }', args: ['x'] });
  expect(() => run(truth, { x }, {})).toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: gpujs:webasm: gpu.js would run kernel "y" on the CPU instead
      - return type Boolean is not supported on the webasm backend
      A device never runs elsewhere than it says. Choose another device.]
  `);
  expect(device.ran).toBeUndefined();
  expect(warn).not.toHaveBeenCalled();
});

it('says what gpu.js says of a kernel it cannot compile', async () => {
  const device = await createDevice('gpujs:webasm');
  const x = tensor(device, [1, 2, 3, 4], [4]);
  const broken = custom({ source: 'function (x) { return x[this.thread.x] + missing; }', args: ['x'] });
  expect(() => run(broken, { x }, {})).toThrow(
    /^gpujs:webasm: gpu\.js cannot run kernel "y" of custom\n {2}- Identifier is not defined/,
  );
});

it('refuses a kernel of more arrays than every mode takes', async () => {
  const device = await createDevice('gpujs:cpu');
  const x = tensor(device, [1], [1]);
  const args = Array.from({ length: 8 }, () => 'x');
  const crowded = custom({ source: 'function (a, b, c, d, e, f, g, h) { return a[0]; }', args }, 1);
  expect(() => run(crowded, { x }, {})).toThrowErrorMatchingInlineSnapshot(
    `[DeviceError: gpujs:cpu: kernel "y" takes more than 7 arrays]`,
  );
});

it('says when an operation has no plan', async () => {
  const device = await createDevice('gpujs:cpu');
  const x = tensor(device, [1], [1]);
  const planless = defineOp<{ x: Tensor }, Record<never, never>>({
    name: 'planless',
    outputs: () => [{ shape: [1], dtype: 'f32' }],
    reference: () => [new Float64Array(1)],
  });
  expect(() => run(planless, { x }, {})).toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: gpujs:cpu: cannot run planless
      - the operation planless brings no gpu.js plan (its \`gpujs\`)
      Choose another device.]
  `);
});

it('refuses a cursor whose numbers only the device has', async () => {
  const device = await createDevice('gpujs:cpu');
  const q = zeros(device, [1, 1, 1, 2]);
  const inputs = { q, k: q as never, v: q as never };
  const cursor = (): Tensor<'2', 'i32'> => tensor<'2'>(device, Int32Array.of(0, 1), [2]);
  const computed = argmax(zeros(device, [2, 3])) as Tensor<'2', 'i32'>;
  expect(() => attention({ ...inputs, cursor: computed })).toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: gpujs:cpu: cannot run attention
      - cursor was computed on the device, and its numbers decide what gpu.js runs: upload them, or write them from the host
      Choose another device.]
  `);
  const shapes = { q, k: q, v: q, cursor: { shape: [2], dtype: 'i32' } } as const;
  expect(device.supports(attentionOp, shapes, {})).toEqual([]);
  const [part, whole] = [cursor(), cursor()];
  part.write(1, computed, 0, 1);
  part.write(0, Int32Array.of(0));
  expect(() => attention({ ...inputs, cursor: part })).toThrow('cursor was computed on the device');
  whole.write(0, computed);
  whole.write(0, Int32Array.of(0, 1));
  expect(await attention({ ...inputs, cursor: whole }).data()).toEqual(new Float32Array(2));
});

it('says which axis is longer than gpu.js counts', async () => {
  const device = await createDevice('gpujs:cpu');
  const [x, long] = [
    [3, 2 ** 24],
    [3, 2 ** 24 + 1],
  ].map((shape) => ({ shape, dtype: 'f32' }) as const);
  expect(device.supports(reluOp, { x: x! }, {})).toEqual([]);
  expect(device.supports(reluOp, { x: long! }, {})).toEqual([
    'x has an axis of 16777217, and gpu.js counts to 16777216: cut it into two axes',
  ]);
});

it('refuses everything on a disposed device', async () => {
  const device = await createDevice('gpujs:cpu');
  const x = tensor(device, [1], [1]);
  device.dispose();
  device.dispose();
  expect(() => tensor(device, [1], [1])).toThrow(
    'gpujs:cpu: upload on a disposed device\n  Create a new one.',
  );
  await expect(x.data()).rejects.toThrow('gpujs:cpu: read on a disposed device');
  x.dispose();
});
