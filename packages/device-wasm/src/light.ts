import { DeviceError, type DeviceFactory } from '@headwise/tensor';
import type { WasmOptions } from './device.ts';
import { Engine, type EngineOptions } from './engine.ts';
import * as kernels from './generated/light-kernels.ts';
import { KernelDevice } from './kernel-device.ts';
import { operations } from './ops/light.ts';

export type { WasmOptions } from './device.ts';
export type { KernelDevice as WasmDevice } from './kernel-device.ts';
export type { Simd } from './module.ts';

/**
 * The same device with fewer kernels, for a page that must stay small: 39 kB less behind gzip. It runs every operation,
 * with the same bits where it has the kernel. What it lacks:
 *
 * - kernels of training (gradients of attention and of norms, cross-entropy) and of the short convolution, which are then composed of other
 *   operations, with more memory and time;
 * - numbers in fewer than 32 bits: there is no `store`, so that `packWeights` and `format` of caches are refused, and
 *   loaded weights become float32; `activations: 'int8'`, which is for such weights, is refused too;
 * - what compiles score and mask modifiers of a person's own: they are refused.
 *
 * @throws {DeviceError} as `createWasm` of `@headwise/device-wasm` does.
 */
export async function createWasm(options: WasmOptions = {}): Promise<KernelDevice> {
  return createLightWith(options);
}

/** The device as a value, for `createDevice`; with options, call `createWasm`. */
export const wasm: DeviceFactory = { name: 'wasm', preference: 50, create: () => createWasm() };

/** `createWasm` with the options that tests need. @throws {DeviceError} as it does. */
export async function createLightWith(options: EngineOptions): Promise<KernelDevice> {
  if (options.activations === 'int8')
    throw new DeviceError(
      'wasm',
      'activations int8 is for weights in fewer bits, which the light kernels do not read',
      [],
      'Leave it out, or take @headwise/device-wasm.',
    );
  return new KernelDevice(await Engine.create(kernels, options), operations);
}
