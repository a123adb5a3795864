import { DeviceError, scope, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { knownDevices, openDevice, reportDevices } from './devices.ts';
import { headwise, json } from './testing/run.ts';

it('opens the devices that need nothing installed', async () => {
  for (const name of ['reference', 'gpujs:cpu', 'gpujs:webasm', 'wasm']) {
    const device = await openDevice(name);
    expect(device.name).toBe(name);
    expect(await scope(() => tensor(device, [1, 2], [2])).data()).toEqual(Float32Array.of(1, 2));
    device.dispose();
  }
});

it('chooses by itself what is fast and real', async () => {
  const device = await openDevice('auto');
  expect(device.details.emulated).not.toBe('true');
  expect(['gpujs:webgpu', 'wasm']).toContain(device.name);
});

it('names the known devices when it does not know one', async () => {
  const error = await openDevice('cuda').catch((reason: unknown) => reason);
  expect(DeviceError.isInstance(error)).toBe(true);
  for (const name of knownDevices) expect((error as Error).message).toContain(name);
});

it('tells of each device whether it works, or why not', async () => {
  const reports = await reportDevices();
  expect(reports.map(({ name }) => name)).toEqual(knownDevices);
  for (const { reasons, details } of reports) expect(reasons.length > 0).toBe(details === undefined);
  expect(reports.find(({ name }) => name === 'reference')?.reasons).toEqual([]);
});

it('lists them for people and for programs', async () => {
  const { devices, auto } = (await json(['devices'])) as {
    devices: { name: string; ok: boolean }[];
    auto: string;
  };
  const { code, out } = await headwise(['devices']);
  expect(code).toBe(0);
  for (const { name, ok } of devices)
    expect(out).toMatch(new RegExp(`^${name} +${ok ? 'ok' : 'not here: '}`, 'm'));
  expect(out).toContain(`--device auto takes ${auto}`);
});
