import type { Device, DeviceFactory } from '../contracts/device.ts';
import { DeviceError } from '../errors.ts';
import { gpujsDevices, installedWasm, reference } from './factories.ts';

/** One device that is known, and whether it works here. */
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
  /** Devices beside those of this package, and in place of those of the same name. */
  readonly devices?: readonly DeviceFactory[];
  /** Is told when `auto` takes a device although a faster one could not be tried. Default `console.warn`. */
  readonly notify?: (message: string) => void;
}

/** Names of the devices of this package. */
export const deviceNames: readonly string[] = [reference, ...gpujsDevices].map(({ name }) => name);

/**
 * Every device there is a factory for: those handed over, and else those of this package and the one of
 * `@headwise/device-wasm`. Never throws.
 */
export function knownDevices(devices: readonly DeviceFactory[] = []): readonly DeviceFactory[] {
  const builtIn = [reference, ...gpujsDevices, installedWasm];
  const over = (name: string): DeviceFactory | undefined => devices.find((device) => device.name === name);
  const others = devices.filter(({ name }) => builtIn.every((device) => device.name !== name));
  return [...builtIn.map((device) => over(device.name) ?? device), ...others];
}

/**
 * Makes a device by name, at the edge of a program. `auto` takes the best that works here and is no emulated GPU, by
 * the `preference` of its factory; `wasm` is the device of `@headwise/device-wasm`, which Node finds when it is
 * installed, and a page hands over.
 *
 * @throws {DeviceError} if it is unknown or does not work here, with the reason and the cure.
 * @example
 * const device = await createDevice('auto', { devices: [wasm] }); // the `wasm` of @headwise/device-wasm
 */
export async function createDevice(name: string, options: DeviceOptions = {}): Promise<Device> {
  const known = knownDevices(options.devices);
  if (name === 'auto') return bestDevice(known, options.notify ?? console.warn);
  const factory = known.find((device) => device.name === name);
  if (factory) return factory.create();
  const names = known.map((device) => device.name);
  throw new DeviceError(name, 'unknown device', [], `Known: auto, ${names.join(', ')}.`);
}

/** Every known device, by trying it: whether it works here, and if not why and how to get it. Never throws. */
export async function listDevices(devices: readonly DeviceFactory[] = []): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const factory of knownDevices(devices)) {
    const { name } = factory;
    try {
      const device = await factory.create();
      reports.push({ name, reasons: [], details: device.details });
      device.dispose();
    } catch (error) {
      reports.push(reportOf(name, error));
    }
  }
  return reports;
}

/** The first line of what went wrong, without the name in front. */
function problemOf(name: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0]!.replace(`${name}: `, '');
}

function reportOf(name: string, error: unknown): DeviceReport {
  const problem = problemOf(name, error);
  if (!DeviceError.isInstance(error)) return { name, reasons: [problem] };
  return {
    name,
    reasons: error.reasons.length > 0 ? error.reasons : [problem],
    ...(error.cure !== undefined && { cure: error.cure }),
  };
}

/** The first that works by preference, then the reference. A GPU that is software is slower than what follows it. */
async function bestDevice(
  known: readonly DeviceFactory[],
  notify: (message: string) => void,
): Promise<Device> {
  const passed: string[] = [];
  // that there is no GPU is no news; that a device which runs anywhere is not there is
  let missed = false;
  const candidates = known
    .filter(({ preference }) => preference !== undefined)
    .sort((a, b) => b.preference! - a.preference!);
  const tell = (problem: string): void =>
    notify([`auto: ${problem}`, ...passed.map((line) => `  - ${line}`)].join('\n'));
  for (const factory of candidates) {
    const { name, needs } = factory;
    let device: Device;
    try {
      device = await factory.create();
    } catch (error) {
      // what runs anywhere is only not installed, or not handed over: how to do that is worth saying
      const cure = needs === undefined && DeviceError.isInstance(error) ? error.cure : undefined;
      passed.push(`${name}: ${problemOf(name, error)}${cure === undefined ? '' : `. ${cure}`}`);
      missed ||= needs === undefined;
      continue;
    }
    if (device.details.emulated !== 'true') {
      if (missed) tell(`takes ${name}, and could not try what may be faster`);
      return device;
    }
    device.dispose();
    passed.push(`${name}: an emulated GPU`);
  }
  tell('nothing faster than the reference works here, so this will be slow');
  const last = known.find(({ name }) => name === reference.name)!;
  return last.create();
}
