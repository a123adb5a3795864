import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Device, DeviceFactory } from '../contracts/device.ts';
import { createReference } from '../device/reference.ts';
import { add } from '../ops/elementwise.ts';
import { tensor } from '../tensor.ts';
import { onEveryDevice, openDevices } from './every-device.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const absent: DeviceFactory = { name: 'absent', create: () => Promise.reject(new Error('no such chip')) };
const present: DeviceFactory = { name: 'present', create: async () => createReference() };
/** A factory that needs its `this`. */
class Classy implements DeviceFactory {
  readonly name = 'reference';
  readonly #make = createReference;
  async create(): Promise<Device> {
    return this.#make();
  }
}
const namesOf = async (...selection: Parameters<typeof openDevices>): Promise<string[]> => {
  const open = await openDevices(...selection);
  for (const device of open) device.dispose();
  return open.map(({ name }) => name);
};

it('opens every device that works here', async () => {
  const names = await namesOf();
  expect(names).toEqual(expect.arrayContaining(['reference', 'gpujs:cpu', 'gpujs:webasm']));
  expect(await namesOf({ only: ['gpujs:cpu'] })).toEqual(['gpujs:cpu']);
});

it('opens factories that are objects of a class', async () => {
  expect(await namesOf({ devices: [new Classy()], only: ['reference'] })).toEqual(['reference']);
});

describe('registers tests with factories that are objects of a class', () => {
  onEveryDevice((device) => it('opens it', () => expect(device().name).toBe('reference')), {
    devices: [new Classy()],
    only: ['reference'],
  });
});

it('fails when one that is expected is gone', async () => {
  const missing = 'the tests expect absent to work here, and it does not: no such chip';
  await expect(openDevices({ devices: [present, absent] })).rejects.toThrow(missing);
  await expect(openDevices({ expected: ['cuda'] })).rejects.toThrow(
    'expect the device cuda, which is not known',
  );
  vi.stubEnv('HEADWISE_DEVICES', 'reference, cuda');
  await expect(openDevices()).rejects.toThrow('expect the device cuda');
  expect(() => onEveryDevice(() => {})).toThrow('expect the device cuda');
  expect(await namesOf({ expected: ['reference'], only: ['reference'] })).toEqual(['reference']);
});

describe('registers tests', () => {
  const seen: string[] = [];
  onEveryDevice((device, name) => {
    it('that compute', async () => {
      using x = tensor(device(), [1, 2], [2]);
      using y = add(x, x);
      expect(await y.data()).toEqual(Float32Array.of(2, 4));
      seen.push(name);
    });
  });
  it('which run on those that work, gpujs:webasm among them, and only there', () => {
    expect(seen).toEqual(expect.arrayContaining(['reference', 'gpujs:cpu', 'gpujs:webasm']));
    expect(seen).not.toContain('gpujs:webgl2');
  });
});
