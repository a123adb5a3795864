import { createWasm } from '@headwise/device-wasm';
import { createDevice, type Device, DeviceError, type DeviceReport, deviceNames } from '@headwise/tensor';

/** Every device the command line knows, `auto` aside. */
export const knownDevices: readonly string[] = [...deviceNames, 'wasm'];

/**
 * In this order: a real GPU, hand-written WebAssembly, gpu.js without a GPU, plain loops. An emulated GPU is slower
 * than any of those, so it only runs when it is asked for by name.
 */
const preference = ['gpujs:webgpu', 'wasm', 'gpujs:webasm', 'gpujs:cpu', 'reference'];

/**
 * Makes a device by name; `auto` takes the first that works here and is no emulated GPU.
 *
 * @throws {DeviceError} if it is unknown or does not work here, with the reason and the cure.
 */
export async function openDevice(name: string): Promise<Device> {
  if (name === 'wasm') return createWasm();
  if (name !== 'auto') {
    if (!knownDevices.includes(name))
      throw new DeviceError(name, 'unknown device', [], `Known: auto, ${knownDevices.join(', ')}.`);
    return createDevice(name);
  }
  for (const candidate of preference) {
    const device = await openDevice(candidate).catch(() => undefined);
    if (device?.details.emulated !== 'true' && device) return device;
    device?.dispose();
  }
  throw new DeviceError('auto', 'no device works here', [], 'headwise devices says why.');
}

/** Every device, whether it works here, and if not why and how to get it. */
export async function reportDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const name of knownDevices) {
    try {
      const device = await openDevice(name);
      reports.push({ name, reasons: [], details: device.details });
      device.dispose();
    } catch (error) {
      reports.push(toReport(name, error));
    }
  }
  return reports;
}

function toReport(name: string, error: unknown): DeviceReport {
  if (!DeviceError.isInstance(error)) return { name, reasons: [String((error as Error).message ?? error)] };
  const problem = error.message.split('\n')[0]!.replace(`${name}: `, '');
  return {
    name,
    reasons: error.reasons.length > 0 ? error.reasons : [problem],
    ...(error.cure !== undefined && { cure: error.cure }),
  };
}
