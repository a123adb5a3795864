import { afterEach, expect, it, vi } from 'vitest';
import type { Device } from '../../contracts/device.ts';
import { linear } from '../../ops/linear.ts';
import { rmsNorm } from '../../ops/norm.ts';
import { scope } from '../../scope.ts';
import { zeros } from '../../tensor.ts';
import { seeded } from '../../testing/seeded.ts';
import { createDevice } from '../devices.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Twenty operations in a row, each on the result of the last. */
function chain(device: Device) {
  return scope(() => {
    const weight = seeded(device, [16, 16], 2);
    let x = seeded<'N E'>(device, [3, 16], 1);
    for (let n = 0; n < 10; n++) x = linear(rmsNorm(x), weight);
    return x;
  });
}

it('webgl2 reads nothing back within a chain of operations', async () => {
  const device = await createDevice('gpujs:webgl2');
  const reads = vi.spyOn(WebGL2RenderingContext.prototype, 'readPixels');
  using y = chain(device);
  expect(reads).toHaveBeenCalledTimes(0);
  await y.data();
  expect(reads).toHaveBeenCalledTimes(1);
  device.dispose();
});

it('webgl2 appends a row by touching its texels only, whatever the length of the cache', async () => {
  const device = await createDevice('gpujs:webgl2');
  const uploads = vi.spyOn(WebGL2RenderingContext.prototype, 'texSubImage2D');
  const copies = vi.spyOn(WebGL2RenderingContext.prototype, 'copyTexSubImage2D');
  for (const rows of [64, 4096, 65_536]) {
    using cache = zeros(device, [rows, 32]);
    using row = seeded(device, [32], 1);
    uploads.mockClear();
    copies.mockClear();
    cache.write((rows - 7) * 32, await row.data());
    cache.write((rows - 5) * 32, row);
    expect(area(uploads.mock.calls, 4)).toBe(32);
    expect(area(copies.mock.calls, 6)).toBe(32);
  }
  device.dispose();
});

/** Texels of all calls, whose width and height are arguments `at` and `at + 1`. */
function area(calls: readonly (readonly unknown[])[], at: number): number {
  return calls.reduce((texels, call) => texels + Number(call[at]) * Number(call[at + 1]), 0);
}

// TypeScript's DOM library does not know WebGPU
const webgpu = globalThis as unknown as Record<
  'GPUBuffer' | 'GPUQueue' | 'GPUCommandEncoder',
  { prototype: Record<string, (...args: never[]) => unknown> }
>;

it('webgpu reads nothing back within a chain of operations', async () => {
  const device = await createDevice('gpujs:webgpu');
  const reads = vi.spyOn(webgpu.GPUBuffer.prototype, 'mapAsync');
  using y = chain(device);
  await device.settled();
  expect(reads).toHaveBeenCalledTimes(0);
  await y.data();
  expect(reads).toHaveBeenCalledTimes(1);
  device.dispose();
});

it('webgpu appends a row by writing its bytes only, whatever the length of the cache', async () => {
  const device = await createDevice('gpujs:webgpu');
  const uploads = vi.spyOn(webgpu.GPUQueue.prototype, 'writeBuffer');
  const copies = vi.spyOn(webgpu.GPUCommandEncoder.prototype, 'copyBufferToBuffer');
  for (const rows of [64, 4096, 65_536]) {
    using cache = zeros(device, [rows, 32]);
    using row = seeded(device, [32], 1);
    const host = await row.data();
    uploads.mockClear();
    copies.mockClear();
    cache.write((rows - 7) * 32, host);
    cache.write((rows - 5) * 32, row);
    await device.settled();
    expect(uploads.mock.calls.map((call) => (call[2] as unknown as Float32Array).byteLength)).toEqual([128]);
    expect(copies.mock.calls.map((call) => call[4])).toEqual([128]);
  }
  device.dispose();
});

it('names the adapter or renderer, and says that it is emulated', async () => {
  for (const name of ['gpujs:webgl2', 'gpujs:webgpu']) {
    const device = await createDevice(name);
    const said = device.details.renderer ?? device.details.adapter ?? '';
    expect(said.length).toBeGreaterThan(3);
    // the browser of the tests has SwiftShader, which says so
    expect(device.details.emulated).toBe(/swiftshader/i.test(said) ? 'true' : undefined);
    device.dispose();
  }
});
