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
 * Makes a device by name, at the edge of a program.
 *
 * @throws {DeviceError} if it is unknown or does not work here, with the reason and the cure.
 */
export async function createDevice(name: string): Promise<Device> {
  if (name === 'reference') return createReference();
  if ((deviceNames as readonly string[]).includes(name)) {
    const { createGpujs } = await import('./gpujs/create.ts');
    return createGpujs(name.slice('gpujs:'.length) as GpujsMode);
  }
  throw new DeviceError(name, 'unknown device', [], `Known: ${deviceNames.join(', ')}.`);
}
