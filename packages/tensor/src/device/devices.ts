import { DeviceError } from '../errors.ts';
import type { Device } from './device.ts';
import type { GpujsMode } from './gpujs/plan.ts';
import { createReference } from './reference.ts';

/** One device this package knows of, and whether it works here. */
export interface DeviceReport {
  readonly name: string;
  /** Empty when the device works here. */
  readonly reasons: readonly string[];
  /** How to get it, when it does not. */
  readonly cure?: string;
  /** What stands behind it, when it works. */
  readonly details?: Readonly<Record<string, string>>;
}

/** Options of `createDevice`. */
export interface DeviceOptions {
  /** Is told when `auto` finds nothing better than the reference. Default `console.warn`. */
  readonly notify?: (message: string) => void;
}

/** Names of the devices of this package. */
export const deviceNames = [
  'reference',
  'gpujs:cpu',
  'gpujs:webasm',
  'gpujs:headlessgl',
  'gpujs:webgl2',
  'gpujs:webgpu',
] as const;

/**
 * What `auto` tries, best first: a GPU, hand-written WebAssembly, gpu.js. A GPU that is software is slower than what
 * follows it, and is left to those who ask for it by name.
 */
const preference = ['gpujs:webgpu', 'wasm', 'gpujs:webgl2', 'gpujs:headlessgl', 'gpujs:webasm', 'gpujs:cpu'];

/**
 * Makes a device by name, at the edge of a program. `auto` takes the best that works here, `wasm` is the device of
 * `@headwise/device-wasm`.
 *
 * @throws {DeviceError} if it is unknown or does not work here, with the reason and the cure.
 */
export async function createDevice(name: string, options: DeviceOptions = {}): Promise<Device> {
  if (name === 'reference') return createReference();
  if (name === 'auto') return bestDevice(options);
  if (name === 'wasm') return createWasm();
  if ((deviceNames as readonly string[]).includes(name)) {
    const { createGpujs } = await import('./gpujs/create.ts');
    return createGpujs(name.slice('gpujs:'.length) as GpujsMode);
  }
  throw new DeviceError(name, 'unknown device', [], `Known: auto, ${deviceNames.join(', ')}, wasm.`);
}

/**
 * Every device of this package, by trying it: whether it works here, and if not why and how to get it.
 *
 * @throws nothing for a device that does not work here; only what is no `DeviceError`, a fault of this package.
 */
export async function listDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const name of deviceNames) {
    try {
      const device = await createDevice(name);
      reports.push({ name, reasons: [], details: device.details });
      device.dispose();
    } catch (error) {
      if (!DeviceError.isInstance(error)) throw error;
      reports.push({ name, reasons: error.reasons, ...(error.cure !== undefined && { cure: error.cure }) });
    }
  }
  return reports;
}

async function bestDevice({ notify = console.warn }: DeviceOptions): Promise<Device> {
  const reasons: string[] = [];
  for (const name of preference) {
    try {
      const device = await createDevice(name);
      if (device.details.emulated !== 'true') return device;
      device.dispose();
      reasons.push(`${name}: an emulated GPU`);
    } catch (error) {
      if (!DeviceError.isInstance(error)) throw error;
      reasons.push(`${name}: ${error.reasons[0] ?? error.message}`);
    }
  }
  notify(
    `auto: nothing faster than the reference works here, so this will be slow\n${reasons.map((reason) => `  - ${reason}`).join('\n')}`,
  );
  return createReference();
}

async function createWasm(): Promise<Device> {
  // by variable, so that no bundler follows it: the package depends on this one
  const name = '@headwise/device-wasm';
  let module: { createWasm(): Promise<Device> };
  try {
    module = await import(/* @vite-ignore */ name);
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    throw new DeviceError(
      'wasm',
      `needs the package ${name}`,
      [message],
      `Install it with \`npm i ${name}\`, or call its createWasm() yourself.`,
    );
  }
  return module.createWasm();
}
