import { describe, expect, it } from 'vitest';
import { compareWithReference } from '../../testing/check-device.ts';
import { opCases } from '../../testing/op-cases.ts';
import { GpujsDevice } from './device.ts';
import type { Store } from './engine.ts';
import { HostEngine } from './host-engine.ts';
import { loadGpujs } from './library.ts';

/** A device that counts launches and live stores, whose intermediate results may hold `budget` numbers. */
async function watched(mode: 'cpu' | 'webasm', budget: number) {
  const library = await loadGpujs(`gpujs:${mode}`);
  const engine = new HostEngine(library, new library.GPU({ mode }), mode, {});
  const launches: string[] = [];
  const live = new Set<Store>();
  const remember = (store: Store): Store => {
    live.add(store);
    return store;
  };
  const { allocate, upload, launch } = HostEngine.prototype;
  Object.assign(engine, {
    target: { ...engine.target, budget },
    allocate: (length: number) => remember(allocate.call(engine, length)),
    upload: (data: Float32Array) => remember(upload.call(engine, data)),
    launch: (...call: Parameters<typeof launch>) => {
      launches.push(call[0].name);
      return remember(launch.apply(engine, call));
    },
    free: (store: Store) => {
      if (!live.delete(store)) throw new Error('freed twice, or never made');
    },
  });
  return { device: new GpujsDevice(engine, () => {}), engine, launches, live };
}

const attentions = opCases.filter(({ op }) => op === 'attention');

describe.each(['cpu', 'webasm'] as const)('attention in chunks on gpujs:%s', async (mode) => {
  const { device, launches, live } = await watched(mode, 500);
  it.each(attentions.map((each) => [each.name, each] as const))('%s', async (_, each) => {
    await compareWithReference(device, each);
    expect(live.size, 'intermediate results left behind').toBe(0);
  });

  it('did split', () => {
    expect(launches.filter((name) => name === 'scores').length).toBeGreaterThan(2 * attentions.length);
  });
});

it('frees every intermediate result of every other operation, once', async () => {
  const { device, live } = await watched('webasm', 500);
  for (const each of opCases.filter(({ op }) => op !== 'attention')) {
    await compareWithReference(device, each);
    expect(live.size, each.name).toBe(0);
  }
});

it('frees intermediate results when a kernel fails', async () => {
  const { device, live } = await watched('cpu', 500);
  const x = device.upload(Float32Array.of(1));
  const broken = {
    name: 'broken',
    outputs: () => [],
    reference: () => [],
    gpujs: () => ({
      steps: [
        { name: 'first', source: 'function (x) { return x[0]; }', args: ['x'], length: 8 },
        { name: 'second', source: 'function (x) { return missing; }', args: ['first'], length: 8 },
      ],
      outputs: ['second'],
    }),
  };
  const call = { op: broken, inputs: { x: { shape: [1], dtype: 'f32', buffer: x } as const }, params: {} };
  expect(() => device.run({ ...call, outputs: [{ shape: [8], dtype: 'f32' }] })).toThrow('kernel "second"');
  expect(live.size).toBe(1);
});

it('knows after a failed write what it knew before', async () => {
  const { device, engine } = await watched('cpu', 500);
  const target = device.upload(Int32Array.of(1, 2));
  const slots = device.upload(Int32Array.of(3));
  const computed = device.upload(Float32Array.of(5, 6));
  const known = () => {
    const input = { shape: [1, 2], dtype: 'i32', buffer: target } as const;
    const op = { name: 'storeRows', outputs: () => [], reference: () => [] };
    return device.supports(op, { slots: input }).length === 0;
  };
  const { write } = HostEngine.prototype;
  engine.write = () => {
    throw new RangeError('lost');
  };
  expect(() => device.write(target, 0, slots)).toThrow('lost');
  expect(() => device.write(target, 0, computed)).toThrow('lost');
  expect(known()).toBe(true);
  engine.write = write;
  expect(await device.read(target)).toEqual(Int32Array.of(1, 2));
  device.write(target, 0, computed);
  expect(known()).toBe(false);
  device.write(target, 0, Int32Array.of(7, 8));
  expect(known()).toBe(true);
});
