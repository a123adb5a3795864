import { createWasm } from '@headwise/device-wasm';
import { createDevice, type Device, DeviceError, type DeviceReport, deviceNames } from '@headwise/tensor';

/** Every device the command line knows, `auto` aside. */
export const knownDevices: readonly string[] = [...deviceNames, 'wasm'];

/**
 * In this order: a real GPU, hand-written WebAssembly, older GPU interfaces, gpu.js without a GPU. An emulated GPU is
 * slower than what follows it, so it only runs when it is asked for by name.
 */
const preference = ['gpujs:webgpu', 'wasm', 'gpujs:webgl2', 'gpujs:headlessgl', 'gpujs:webasm', 'gpujs:cpu'];

/**
 * Makes a device by name; `auto` takes the first that works here and is no emulated GPU. The tensor package has such
 * an `auto` too; this one knows that the WebAssembly device is installed.
 *
 * @param notify is told when `auto` finds nothing better than the reference
 * @throws {DeviceError} if it is unknown or does not work here, with the reason and the cure.
 */
export async function openDevice(name: string, notify: (text: string) => void = () => {}): Promise<Device> {
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
  notify('nothing faster than the reference works here, so this will be slow; headwise devices says why');
  return createDevice('reference');
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
