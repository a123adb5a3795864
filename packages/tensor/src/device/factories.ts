import type { Device, DeviceFactory } from '../contracts/device.ts';
import { DeviceError } from '../errors.ts';
import type { GpujsMode } from './gpujs/plan.ts';
import { createReference } from './reference.ts';

/** The oracle: every operation as plain loops in float64. `auto` takes it when nothing else is there. */
export const reference: DeviceFactory = { name: 'reference', create: async () => createReference() };

/** A mode of gpu.js, which is loaded when the device is made. */
const mode = (name: GpujsMode, preference: number, needs?: 'gpu'): DeviceFactory => ({
  name: `gpujs:${name}`,
  preference,
  ...(needs && { needs }),
  async create() {
    const { createGpujs } = await import('./gpujs/create.ts');
    return createGpujs(name);
  },
});

/** gpu.js in every mode, the ones without a GPU first. */
export const gpujsDevices: readonly DeviceFactory[] = [
  mode('cpu', 10),
  mode('webasm', 20),
  mode('headlessgl', 30, 'gpu'),
  mode('webgl2', 40, 'gpu'),
  mode('webgpu', 60, 'gpu'),
];

/** `@headwise/device-wasm`, where the runtime finds it installed: in Node. A page hands its factory over. */
export const installedWasm: DeviceFactory = {
  name: 'wasm',
  preference: 50,
  async create() {
    // by variable, so that no bundler follows it: the package depends on this one
    const name = '@headwise/device-wasm';
    let installed: { readonly wasm: DeviceFactory };
    try {
      installed = await import(/* @vite-ignore */ name);
    } catch (error) {
      const message = error instanceof Error ? error.message.split('\n')[0]! : String(error);
      throw new DeviceError(
        'wasm',
        `needs the package ${name}`,
        [message],
        `Install it with \`npm i ${name}\`, and in a page hand it over: createDevice('wasm', { devices: [wasm] }) with its \`wasm\`.`,
      );
    }
    return installed.wasm.create() as Promise<Device>;
  },
};
