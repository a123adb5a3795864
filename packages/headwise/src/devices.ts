import { createWasm, type WasmOptions, wasm } from '@headwise/device-wasm';
import * as tensor from '@headwise/tensor';

const devices = [wasm];

/** Every device the command line knows, `auto` aside. */
export const knownDevices: readonly string[] = tensor.knownDevices(devices).map(({ name }) => name);

/**
 * Makes a device by name, or the best that works here for `auto`.
 *
 * @param notify is told when `auto` takes a device although a faster one could not be tried
 * @throws {DeviceError} if it is unknown or does not work here, with the reason and the cure.
 */
export function openDevice(name: string, notify: (text: string) => void = () => {}): Promise<tensor.Device> {
  return tensor.createDevice(name, { devices, notify });
}

/** How products with quantized weights read the other side; what the device says of it. */
export type Activations = NonNullable<WasmOptions['activations']>;

/**
 * The device that reads activations in 8 bits where weights are quantized.
 * @throws {DeviceError} if it does not work here.
 */
export function openRounding(activations: Activations): Promise<tensor.Device> {
  return createWasm({ activations });
}

/** Every device, whether it works here, and if not why and how to get it. Never throws. */
export function reportDevices(): Promise<tensor.DeviceReport[]> {
  return tensor.listDevices(devices);
}
