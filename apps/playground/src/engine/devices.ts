import { wasm } from '@headwise/device-wasm';
import { createDevice, type Device, DeviceError, type DeviceFactory, knownDevices } from '@headwise/tensor';
import type { DeviceState } from './protocol.ts';

const factories = [wasm];

/** Devices that a page can choose: those of Node aside, and the reference, which is for checks. */
export const deviceChoices: readonly string[] = knownDevices(factories)
  .map(({ name }) => name)
  .filter((name) => !/reference|headlessgl/.test(name));

/** Devices of the worker, each made once, and what is used instead of one that does not work. */
export class Devices {
  readonly #made = new Map<string, Promise<Device>>();
  readonly #lost = new Map<string, string>();
  readonly #tell: (state: DeviceState) => void;

  constructor(tell: (state: DeviceState) => void) {
    this.#tell = tell;
  }

  /**
   * @param wanted by name, or `auto`: small models answer fastest where reading a result back is free, so wasm first
   * @throws {DeviceError} if none works.
   */
  async get(wanted: string): Promise<Device> {
    const passed: string[] = [];
    for (const name of orderFrom(wanted)) {
      const lost = this.#lost.get(name);
      if (lost !== undefined) {
        passed.push(`${name} was lost: ${lost}`);
        continue;
      }
      try {
        const device = await this.#make(name);
        const fallback =
          passed.length === 0
            ? undefined
            : `${name} is used instead. ${passed.join('. ').replace(/\.?$/, '.')}`;
        const details = Object.entries(device.details).map((pair) => pair.join(' '));
        this.#tell({ name, details: details.join(', '), fallback });
        return device;
      } catch (error) {
        this.#made.delete(name);
        passed.push(wordsOf(name, error));
      }
    }
    throw new DeviceError(wanted, 'does not work here, nor does any other', passed, 'Try another browser.');
  }

  /** A device that has failed is not asked again. Never throws. */
  drop(name: string, why: string): void {
    this.#lost.set(name, why);
    void this.#made.get(name)?.then(
      (device) => device.dispose(),
      () => {},
    );
    this.#made.delete(name);
  }

  #make(name: string): Promise<Device> {
    const made = this.#made.get(name) ?? createDevice(name, { devices: factories });
    this.#made.set(name, made);
    return made;
  }
}

/** The one that is wanted, then the others: wasm, those with a preference, the reference at last. */
function orderFrom(wanted: string): readonly string[] {
  const rank = ({ name, preference = -1 }: DeviceFactory): number =>
    name === 'wasm' ? Infinity : preference;
  const rest = knownDevices(factories)
    .filter(({ name }) => name !== 'reference' && !/headlessgl|webgpu|webgl/.test(name))
    .sort((a, b) => rank(b) - rank(a))
    .map(({ name }) => name);
  const first = wanted === 'auto' ? [] : [wanted];
  return [...new Set([...first, ...rest, 'reference'])];
}

function wordsOf(name: string, error: unknown): string {
  if (DeviceError.isInstance(error)) {
    const reasons = error.reasons.length > 0 ? error.reasons : [error.message.split('\n')[0]!];
    return `${name} does not work here: ${reasons[0]!.replace(`${name}: `, '')}`;
  }
  return `${name} does not work here: ${error instanceof Error ? error.message : error}`;
}
