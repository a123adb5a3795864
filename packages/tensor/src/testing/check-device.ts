import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../contracts/device.ts';
import { createReference } from '../device/reference.ts';
import { scope } from '../scope.ts';
import { assertClose, toleranceOf } from './close.ts';
import { deviceLaws } from './device-laws.ts';
import { type DeviceSelection, onEveryDevice } from './every-device.ts';
import type { OpCase } from './op-case.ts';
import { opCases } from './op-cases.ts';

/**
 * Everything a device owes its callers, as tests: transfers, writes in place, memory, errors, and each operation with
 * each feature against the reference. Call it at the top of a test file.
 *
 * @param except laws by name and cases by `op name` that the device cannot keep, each with the reason, which the
 *   report prints
 * @throws nothing itself: what fails is a failed test.
 */
export function checkDevice(
  name: string,
  createDevice: () => Promise<Device>,
  { except = {} }: { readonly except?: Readonly<Record<string, string>> } = {},
): void {
  describe(name, () => {
    let device: Device;
    beforeAll(async () => {
      device = await createDevice();
    });
    afterAll(() => device?.dispose());
    registerChecks(() => device, except);
  });
}

/**
 * The same for every device that works here, see `onEveryDevice`.
 *
 * @param except by the name of the device, what `checkDevice` takes
 * @throws {Error} if a device is expected that is not known.
 */
export function checkDevices({
  except = {},
  ...selection
}: DeviceSelection & {
  readonly except?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}): void {
  onEveryDevice((device, name) => registerChecks(device, except[name] ?? {}), selection);
}

function registerChecks(device: () => Device, except: Readonly<Record<string, string>>): void {
  for (const { name: title, check } of deviceLaws) {
    const reason = except[title];
    if (reason) it.skip(`${title}: ${reason}`, () => {});
    else it(title, () => check(device()));
  }
  for (const each of opCases) {
    const title = `${each.op} ${each.name}`;
    const reason = except[title];
    if (reason) it.skip(`${title}: ${reason}`, () => {});
    else it(title, () => compareWithReference(device(), each));
  }
}

/**
 * Runs a case on a device and on the reference; shapes first, then values.
 *
 * @throws {Error} if shapes, dtypes or values differ, or buffers are left behind; and whatever the device throws.
 */
export async function compareWithReference(device: Device, { run, atol, rtol }: OpCase): Promise<void> {
  const reference = createReference();
  const before = device.memory;
  const want = scope(() => run(reference));
  const got = scope(() => run(device));
  expect(got.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
    want.map(({ shape, dtype }) => ({ shape, dtype })),
  );
  for (const [i, result] of got.entries()) {
    assertClose(await result.data(), await want[i]!.data(), {
      atol: toleranceOf(device, atol).atol,
      rtol: toleranceOf(device, rtol).rtol,
    });
    result.dispose();
  }
  expect(device.memory.buffers, 'buffers left behind').toBe(before.buffers);
  expect(device.memory.liveBytes, 'bytes left behind').toBe(before.liveBytes);
}
