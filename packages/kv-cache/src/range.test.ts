import {
  type Device,
  type LayerSpec,
  type RowFormat,
  rowFormats,
  sizeOf,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { expect, it } from 'vitest';
import { plainSpec } from './conformance/index.ts';
import { decodeCaches, encodeCaches } from './format/format.ts';
import {
  type Cache,
  type CacheOptions,
  createAnchorEvicting,
  createContiguous,
  createLatent,
  createQuantized,
  createRing,
  createSinkPreserving,
  createStates,
  loadStates,
  saveStates,
} from './index.ts';
import { createRowsDevice } from './testing/rows-device.ts';
import { everyFourth } from './testing/subjects.ts';

/** Finite numbers that a format has no room for are refused; none becomes an infinity on the way into a cache. */

const windowed = { ...plainSpec, kind: 'window', cap: 3 } as const;
const latentSpec = { ...plainSpec, kind: 'latent', rows: { latent: [4] } } as const;
const makers: Readonly<Record<string, readonly [LayerSpec, (options: CacheOptions) => Cache]>> = {
  contiguous: [plainSpec, createContiguous],
  latent: [latentSpec, createLatent],
  ring: [windowed, createRing],
  'sink-preserving': [{ ...windowed, sinks: 1 }, createSinkPreserving],
  'anchor-evicting': [plainSpec, (options) => createAnchorEvicting({ ...options, isAnchor: everyFourth })],
};

/** L tokens of counting numbers, the last number of the last row of the last name another. */
function rows(device: Device, spec: LayerSpec, L: number, last?: number): Record<string, Tensor> {
  const names = Object.keys(spec.rows);
  return Object.fromEntries(
    names.map((name, n) => {
      const shape = [2, L, ...spec.rows[name]!];
      const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i % 50);
      if (last !== undefined && n === names.length - 1) values[values.length - 1] = last;
      return [name, tensor(device, values, shape)];
    }),
  );
}

/** For every format, the largest number that it holds beside small ones; 16 bits for the scale or the minimum of a block. */
const most: Readonly<Record<RowFormat, number>> = {
  f16: 65504,
  bf16: 3.3895313892515355e38,
  Q8_0: 127 * 65504,
  Q4_0: 8 * 65504,
  Q4_1: 15 * 65504,
};

it.each(Object.entries(makers))(
  'a %s cache refuses them before it stores a number',
  async (_, [spec, create]) => {
    for (const format of rowFormats) {
      const device = createRowsDevice();
      const cache = create({ device, spec, B: 2, capacity: 5, format });
      for (let n = 0; n < 7; n++)
        if (cache.kind !== 'contiguous' || n < 3) cache.append(rows(device, spec, 1));
      const file = await cache.save();
      const { buffers, liveBytes } = device.memory;
      for (const [L, sign] of [
        [1, 1],
        [2, -1],
      ] as const) {
        const given = rows(device, spec, L, sign * most[format] * 1.003);
        const refuse = (): unknown => cache.append(given);
        expect(refuse).toThrow(ValueError);
        const name = Object.keys(spec.rows).at(-1)!;
        expect(refuse).toThrow(
          `${cache.kind}.append: rows.${name} must have no finite number that ${format} cannot hold`,
        );
        for (const each of Object.values(given)) each.dispose();
      }
      expect([device.memory.buffers, device.memory.liveBytes]).toEqual([buffers, liveBytes]);
      expect(await cache.save()).toEqual(file);
      cache.append(rows(device, spec, 1, most[format]));
      cache.append(rows(device, spec, 1, Infinity));
      expect(cache.length).toBe((cache.kind === 'contiguous' ? 3 : 7) + 2);
    }
  },
);

it('70,000 does not fit f16, and every other format', () => {
  const taken = rowFormats.filter((format) => {
    const device = createRowsDevice();
    const cache = createContiguous({ device, spec: plainSpec, B: 2, capacity: 4, format });
    try {
      cache.append(rows(device, plainSpec, 1, 70_000));
      return true;
    } catch {
      return false;
    }
  });
  expect(taken).toEqual(['bf16', 'Q8_0', 'Q4_0', 'Q4_1']);
});

it('refuses them by name where names have formats of their own', () => {
  const device = createRowsDevice();
  const cache = createContiguous({ device, spec: plainSpec, B: 2, capacity: 4, format: { k: 'f16' } });
  cache.append(rows(device, plainSpec, 1, 1e38));
  expect(cache.length).toBe(1);
});

it('a file with a number that its format has no room for is refused in every layer', async () => {
  const make = (format?: RowFormat): Cache[] =>
    createStates([plainSpec, plainSpec], { device: createRowsDevice(), B: 2, capacity: 4, format });
  const plain = make();
  for (const state of plain)
    state.append(rows((state as Cache & { device: Device }).device, plainSpec, 1, 70_000));
  const snapshots = decodeCaches(await saveStates(plain)).map((layer) => ({
    ...layer,
    format: 'f16' as const,
  }));
  const states = make('f16');
  expect(() => loadStates(states, encodeCaches(snapshots))).toThrow(
    'cache file: section v[15] cannot be stored as f16, which holds numbers up to ±65504, got 70000',
  );
  expect(states.map(({ length }) => length)).toEqual([0, 0]);
  const wide = make('bf16');
  loadStates(wide, encodeCaches(snapshots.map((layer) => ({ ...layer, format: 'bf16' as const }))));
  expect(wide.map(({ length }) => length)).toEqual([1, 1]);
});

it.each([8, 4] as const)('a quantized cache of %i bits takes every finite number', async (bits) => {
  const device = createRowsDevice();
  const cache = createQuantized({ device, spec: plainSpec, B: 2, capacity: 8, bits, group: 2, residual: 0 });
  for (const value of [3.4028234e38, -3.4028234e38, 70_000, 1e-45])
    cache.append(rows(device, plainSpec, 1, value));
  const { k, v } = cache.view().rows;
  for (const kept of [k!, v!]) expect([...(await kept.data())].every(Number.isFinite)).toBe(true);
});
