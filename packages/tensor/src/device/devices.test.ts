import { afterEach, expect, it, vi } from 'vitest';
import type { Device, DeviceFactory } from '../contracts/device.ts';
import { add } from '../ops/elementwise.ts';
import { tensor } from '../tensor.ts';
import { createDevice, deviceNames, listDevices } from './devices.ts';
import { createReference } from './reference.ts';

afterEach(() => {
  vi.doUnmock('gpu.js');
  vi.resetModules();
});

it('names the devices there are when asked for another', async () => {
  await expect(createDevice('cuda')).rejects.toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: cuda: unknown device
      Known: auto, reference, gpujs:cpu, gpujs:webasm, gpujs:headlessgl, gpujs:webgl2, gpujs:webgpu, wasm.]
  `);
});

it.runIf(typeof window === 'undefined')(
  'says why WebGL 2 is not there in Node, and what to use',
  async () => {
    await expect(createDevice('gpujs:webgl2')).rejects.toThrowErrorMatchingInlineSnapshot(`
      [DeviceError: gpujs:webgl2: does not work here
        - Node has no WebGL 2
        Use a browser with WebGL 2 and EXT_color_buffer_float; in Node, gpujs:headlessgl.]
    `);
  },
);

it('lists every device with ok, or why not and a cure', async () => {
  const reports = await listDevices();
  expect(reports.map(({ name }) => name)).toEqual([...deviceNames, 'wasm']);
  const byName = Object.fromEntries(reports.map((report) => [report.name, report]));
  expect(byName.reference!.reasons).toEqual([]);
  expect(byName['gpujs:cpu']).toMatchObject({ reasons: [], details: { engine: 'gpu.js', mode: 'cpu' } });
  expect(byName['gpujs:webasm']!.reasons).toEqual([]);
  for (const { reasons, cure, details } of reports) {
    if (reasons.length === 0) expect(details).toBeDefined();
    else expect(cure).toMatch(/\w/);
  }
});

it('says how to install gpu.js where it is missing', async () => {
  vi.doMock('gpu.js', () => {
    throw new Error("Cannot find package 'gpu.js'");
  });
  vi.resetModules();
  const fresh = await import('./devices.ts');
  const error = (await fresh.createDevice('gpujs:webasm').catch((caught) => caught)) as Error;
  expect(error.message).toMatch(
    /^gpujs:webasm: needs the package gpu\.js, which is an optional peer of @headwise\/tensor\n/,
  );
  expect(error.message).toMatch(
    /Install it with `npm i --ignore-scripts gpu\.js@\^2\.24\.1` \(126 MB; --ignore-scripts leaves out the native build/,
  );
  const reports = await fresh.listDevices();
  expect(reports[0]).toMatchObject({ name: 'reference', reasons: [] });
  expect(reports[1]!.cure).toContain('npm i --ignore-scripts gpu.js');
});

/** A device that another package brings: the reference under another name. */
const brought = (name: string, preference: number, emulated = false): DeviceFactory => ({
  name,
  preference,
  create: async () =>
    Object.assign(Object.create(createReference()) as Device, {
      name,
      details: emulated ? { emulated: 'true' } : {},
      dispose: () => {},
    }),
});

it('takes what is best here for auto, never an emulated GPU', async () => {
  const notices: string[] = [];
  const notify = (message: string): void => void notices.push(message);
  const devices = [brought('mine', 90), brought('software', 99, true)];
  const device = await createDevice('auto', { notify, devices });
  expect(device.name).toBe('mine');
  expect(notices).toEqual([]);
  expect((await createDevice('wasm', { devices: [brought('wasm', 50)] })).details).toEqual({});
  expect((await listDevices(devices)).slice(-2).map(({ name, reasons }) => [name, reasons.length])).toEqual([
    ['mine', 0],
    ['software', 0],
  ]);
});

it('takes factories that are objects of a class', async () => {
  class Factory implements DeviceFactory {
    readonly name = 'classy';
    readonly preference = 90;
    readonly #inner = brought(this.name, this.preference);
    create(): Promise<Device> {
      return this.#inner.create();
    }
  }
  const devices = [new Factory()];
  expect((await listDevices(devices)).at(-1)).toEqual({ name: 'classy', reasons: [], details: {} });
  expect((await createDevice('auto', { devices })).name).toBe('classy');
  expect((await createDevice('classy', { devices })).name).toBe('classy');
});

it('says when auto could not try what may be faster', async () => {
  const notices: string[] = [];
  const broken = {
    name: 'broken',
    preference: 70,
    create: () => Promise.reject(new Error('broken: its file is missing\nor not')),
  };
  const device = await createDevice('auto', {
    notify: (message) => notices.push(message),
    devices: [broken, brought('wasm', 50)],
  });
  expect(device.details.emulated).toBeUndefined();
  expect(notices[0]).toMatch(
    /^auto: takes \S+, and could not try what may be faster\n {2}- broken: its file is missing/,
  );
  expect(notices).toHaveLength(1);
});

it('falls to the reference with a notice when nothing else is there', async () => {
  vi.doMock('gpu.js', () => {
    throw new Error("Cannot find package 'gpu.js'");
  });
  vi.doMock('@headwise/device-wasm', () => {
    throw new Error("Cannot find package '@headwise/device-wasm'");
  });
  vi.resetModules();
  const fresh = await import('./devices.ts');
  const notices: string[] = [];
  const device = await fresh.createDevice('auto', { notify: (message) => notices.push(message) });
  expect(device.name).toBe('reference');
  expect(notices[0]).toMatch(/^auto: nothing faster than the reference works here, so this will be slow\n/);
  expect(notices[0]).toContain('gpujs:webasm:');
});

it('refuses tensors of two devices in one operation', async () => {
  const [one, other] = await Promise.all([createDevice('reference'), createDevice('gpujs:cpu')]);
  const a = tensor(one, [1, 2], [2]);
  const b = tensor(other, [1, 2], [2]);
  expect(() => add(a, b)).toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: reference: add was given b from another device, gpujs:cpu
      Read it and make a tensor on this device.]
  `);
});

it('refuses a buffer of another device', async () => {
  const [one, other] = await Promise.all([createDevice('gpujs:webasm'), createDevice('gpujs:cpu')]);
  const buffer = other.upload(Float32Array.of(1));
  await expect(one.read(buffer)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: gpujs:webasm: read was given a buffer that is not live on this device
      - it was disposed, or belongs to another device]
  `);
});
