import { afterEach, expect, it, vi } from 'vitest';
import type { Device } from '../../contracts/device.ts';
import { relu } from '../../ops/elementwise.ts';
import { linear } from '../../ops/linear.ts';
import { tensor, zeros } from '../../tensor.ts';
import { createDevice } from '../devices.ts';

const made: Device[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const device of made.splice(0)) device.dispose();
});

async function create(name: string): Promise<Device> {
  const device = await createDevice(name);
  made.push(device);
  return device;
}

it('webgl2 refuses a tensor longer than a texture holds, before anything is made', async () => {
  const device = await create('gpujs:webgl2');
  const size = 8192; // of SwiftShader
  expect(() => zeros(device, [size + 1, size])).toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: gpujs:webgl2: 67117056 numbers do not fit into one texture, which holds 67108864
      - this renderer has textures of at most 8192 × 8192 texels
      Cut the tensor into smaller ones, or choose another device.]
  `);
  const column = zeros(device, [9000, 1]);
  const row = zeros(device, [9001, 1]);
  // 9001 is no multiple of 4: one number a texel
  expect(() => linear(column, row)).toThrow('81009000 numbers do not fit into one texture');
  expect(device.memory.buffers).toBe(2);
});

it('webgpu refuses a tensor longer than a buffer that kernels read', async () => {
  const device = await create('gpujs:webgpu');
  expect(() => zeros(device, [2 ** 30 + 1])).toThrow('numbers do not fit into one buffer');
});

it('webgl2 says that an earlier call failed, once', async () => {
  const device = await create('gpujs:webgl2');
  const x = tensor(device, [1, -2], [2]);
  const bind = vi.spyOn(WebGL2RenderingContext.prototype, 'bindTexture').mockImplementation(function (
    this: WebGL2RenderingContext,
  ) {
    this.enable(0x1234);
  });
  x.write(0, Float32Array.of(3));
  bind.mockRestore();
  await expect(x.data()).rejects.toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: gpujs:webgl2: an earlier call of WebGL failed, so this result may be wrong
      - INVALID_ENUM
      Choose another device.]
  `);
  expect(await relu(x).data()).toEqual(Float32Array.of(3, 0));
});

it('webgl2 says that the context is lost', async () => {
  const device = await create('gpujs:webgl2');
  const { createTexture } = WebGL2RenderingContext.prototype;
  let context: WebGL2RenderingContext | undefined;
  vi.spyOn(WebGL2RenderingContext.prototype, 'createTexture').mockImplementation(function (
    this: WebGL2RenderingContext,
  ) {
    context = this;
    return createTexture.call(this);
  });
  const x = tensor(device, [1, -2], [2]);
  context!.getExtension('WEBGL_lose_context')!.loseContext();
  expect(() => relu(x)).toThrow('the WebGL context is lost, and with it what tensors held');
  expect(() => tensor(device, [1], [1])).toThrow('Create a new device.');
  await expect(x.data()).rejects.toThrow('the WebGL context is lost');
});
