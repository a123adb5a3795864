import { wasm } from '@headwise/device-wasm';
import { createDevice, type Device, knownDevices } from '@headwise/tensor';
import { messageOf, UsageError } from './errors.ts';
import type { DeviceFacts } from './results.ts';

/** A device of the run, open. */
export interface Engine {
  readonly name: string;
  readonly device: Device;
  readonly emulated: boolean;
}

export interface OpenedEngines {
  readonly engines: readonly Engine[];
  /** Asked for and not there, with the reason. */
  readonly missing: readonly DeviceFacts[];
}

/** Makes a device by name; the page and the tests bring their own. */
export interface DeviceSource {
  readonly names: readonly string[];
  readonly create: (name: string) => Promise<Device>;
}

export const builtInDevices: DeviceSource = {
  names: knownDevices([wasm]).map(({ name }) => name),
  create: (name) => createDevice(name, { devices: [wasm] }),
};

/**
 * Opens devices in the order asked for. One that does not work here is reported, and the others go on.
 *
 * @throws {UsageError} for a name that is not known, listing those that are, or when none works.
 */
export async function openEngines(
  names: readonly string[],
  source: DeviceSource = builtInDevices,
): Promise<OpenedEngines> {
  checkDeviceNames(names, source.names);
  const engines: Engine[] = [];
  const missing: DeviceFacts[] = [];
  for (const name of new Set(names)) {
    try {
      const device = await source.create(name);
      engines.push({ name, device, emulated: isEmulated(device) });
    } catch (error) {
      missing.push({ name, emulated: false, details: {}, unavailable: messageOf(error) });
    }
  }
  if (engines.length === 0) {
    const reasons = missing.map(({ name, unavailable }) => `\n  ${name}: ${unavailable}`).join('');
    throw new UsageError(`none of the devices works here:${reasons}`);
  }
  return { engines, missing };
}

/** @throws {UsageError} for a name that is not known, listing those that are. */
export function checkDeviceNames(names: readonly string[], known: readonly string[]): void {
  for (const name of names) {
    if (!known.includes(name))
      throw new UsageError(`unknown device ${JSON.stringify(name)}; known: ${known.join(', ')}`);
  }
}

/** Adapters that are programs: no name in a result lets them pass for a GPU. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|lavapipe|software|basic render|warp/i;

export function isEmulated(device: Pick<Device, 'details'>): boolean {
  return (
    device.details.emulated === 'true' || Object.values(device.details).some((text) => SOFTWARE.test(text))
  );
}

/**
 * @throws {Error} if the engine that ran is not the one asked for: such a time would be about something else.
 */
export function assertRan({ name, device }: Pick<Engine, 'name' | 'device'>): string {
  const { ran } = device;
  if (ran === undefined) throw new Error(`${name} reports no engine that ran`);
  // wasm has no modes to mistake: what ran names its instructions
  const fitting = name === 'wasm' ? ['relaxed-simd', 'simd128'] : [name.slice(name.indexOf(':') + 1)];
  if (!fitting.includes(ran)) throw new Error(`${name} was asked for, ${ran} ran`);
  return ran;
}
