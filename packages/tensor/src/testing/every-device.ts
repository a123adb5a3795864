import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Device, DeviceFactory } from '../contracts/device.ts';
import { knownDevices } from '../device/devices.ts';

/** Which devices the tests of a kit run on. */
export interface DeviceSelection {
  /** Devices beside those of `@headwise/tensor`: whoever hands one over expects it to work. */
  readonly devices?: readonly DeviceFactory[] | undefined;
  /**
   * Names of those that have to work here, so that one which was there is missed when it is gone. Default: the names in
   * the environment variable `HEADWISE_DEVICES`, separated by commas, or else the reference.
   */
  readonly expected?: readonly string[] | undefined;
  /** Names of the only ones to try. Default: every known one. */
  readonly only?: readonly string[] | undefined;
}

/** The factories to try, and the names that must work. @throws {Error} for a name that is not known. */
function selected({ devices = [], expected, only }: DeviceSelection): {
  readonly factories: readonly DeviceFactory[];
  readonly needed: ReadonlySet<string>;
} {
  const known = knownDevices(devices);
  const names = known.map(({ name }) => name);
  const wanted = [...(expected ?? fromEnvironment()), ...devices.map(({ name }) => name)];
  const unknown = [...wanted, ...(only ?? [])].find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new Error(`the tests expect the device ${unknown}, which is not known: ${names.join(', ')}`);
  const factories = known.filter(({ name }) => !only || only.includes(name));
  return { factories, needed: new Set(wanted) };
}

function fromEnvironment(): readonly string[] {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const names = process?.env?.HEADWISE_DEVICES?.split(',').map((name) => name.trim());
  return names?.filter(Boolean) ?? ['reference'];
}

function gone(name: string, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new Error(`the tests expect ${name} to work here, and it does not: ${message}`, { cause });
}

/**
 * Every device that works here, open. Who opened them disposes them.
 *
 * @throws {Error} if one that is expected does not work, or is not known.
 */
export async function openDevices(selection: DeviceSelection = {}): Promise<readonly Device[]> {
  const { factories, needed } = selected(selection);
  const open: Device[] = [];
  for (const factory of factories) {
    try {
      open.push(await factory.create());
    } catch (error) {
      if (!needed.has(factory.name)) continue;
      for (const device of open) device.dispose();
      throw gone(factory.name, error);
    }
  }
  return open;
}

/**
 * Registers tests, with vitest, for every device that works here: those of one that does not are skipped with the
 * reason, and fail if it is expected.
 *
 * @param register registers the tests of one device, which is there when they run
 * @throws {Error} if one that is expected is not known.
 * @example
 * onEveryDevice((device) => it('adds', () => { add(seeded(device(), [4], 1), …) }), { devices: [wasm] });
 */
export function onEveryDevice(
  register: (device: () => Device, name: string) => void,
  selection: DeviceSelection = {},
): void {
  const { factories, needed } = selected(selection);
  for (const factory of factories) {
    const { name } = factory;
    describe(`on ${name}`, () => {
      let device: Device | undefined;
      let reason = '';
      beforeAll(async () => {
        try {
          device = await factory.create();
        } catch (error) {
          if (needed.has(name)) throw gone(name, error);
          reason = error instanceof Error ? error.message : String(error);
        }
      });
      beforeEach(({ skip }) => skip(device === undefined, reason));
      afterAll(() => device?.dispose());
      it('is the device it is called', () => expect(device!.name).toBe(name));
      register(() => device!, name);
    });
  }
}
