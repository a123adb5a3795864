import {
  createPositions,
  createReference,
  type LayerSpec,
  NOBODY,
  type Pool,
  pooledCount,
  reduce,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { openDevices } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import {
  type Cache,
  type CacheOptions,
  createContiguous,
  createPaged,
  createQuantized,
  createRing,
  kv,
} from './index.ts';

const spec: LayerSpec = {
  kind: 'full',
  rows: { k: [2, 3] },
  pooled: {
    whole: { of: 'k', row: [2, 3], every: 3 },
    lapping: { of: 'k', row: [6], every: 2, over: 4 },
  },
  cap: Infinity,
  constant: {},
};
const width = 6;

/** Sums, so that they are exact however they are added. */
const pool: Pool = (name, tokens) => {
  const sums = reduce(tokens, 'sum', [1]);
  return name === 'whole' ? sums : sums.reshape([sums.shape[0]!, width]);
};

/** Whole numbers that say which sequence and token they are of. */
const row = (text: number, position: number): number[] =>
  Array.from({ length: width }, (_, d) => 1000 * text + 10 * position + d);

/** The texts that a cache's sequences hold, kept beside it; each has a number of its own. */
class Beside {
  texts: number[][] = [[], []];
  next = 1;

  constructor(readonly cache: Cache) {}

  append(counts: readonly number[], side: 'left' | 'right' = 'right'): void {
    const { device } = this.cache as unknown as { device: Parameters<typeof tensor>[0] };
    const L = Math.max(...counts);
    const places = counts.map((count, b) => {
      const nobody = Array<number>(L - count).fill(NOBODY);
      const own = Array.from({ length: count }, (_, i) => this.texts[b]!.length + i);
      return side === 'left' ? [...nobody, ...own] : [...own, ...nobody];
    });
    const values = places.flatMap((list) =>
      list.flatMap((place) => (place < 0 ? row(9999, 0) : row(this.next, place))),
    );
    const k = tensor(device, values, [counts.length, L, 2, 3]);
    const at = createPositions(device, places);
    this.cache.append({ k }, at, pool);
    for (const list of places.entries())
      for (const place of list[1]) if (place >= 0) this.texts[list[0]]!.push(this.next);
    k.dispose();
    at.tensor.dispose();
    this.next++;
  }

  async check(): Promise<void> {
    const { rows } = this.cache.view();
    for (const [name, pooled] of Object.entries(spec.pooled!)) {
      const data = await (rows[name] as Tensor).data();
      const [, slots] = rows[name]!.shape as [number, number];
      this.texts.forEach((text, b) => {
        const n = pooledCount(pooled, text.length);
        const { every, over = every } = pooled;
        for (let j = 0; j < n; j++) {
          const own = Array.from({ length: over }, (_, t) => row(text[every * j + t]!, every * j + t));
          const want = Array.from({ length: width }, (_, d) => own.reduce((sum, one) => sum + one[d]!, 0));
          expect([...data.subarray((b * slots + j) * width, (b * slots + j + 1) * width)]).toEqual(want);
        }
      });
    }
  }
}

const kinds: Readonly<Record<string, (options: CacheOptions) => Cache>> = {
  contiguous: createContiguous,
  paged: (options) => createPaged({ ...options, blockSize: 4 }),
};

describe.each(Object.entries(kinds))('rows once every so many tokens, %s', (_, create) => {
  it('follow every change of the tokens', async () => {
    const device = createReference();
    const cache = create({ device, spec, B: 2, capacity: 20 });
    const beside = new Beside(cache);
    beside.append([5, 5]);
    await beside.check();
    beside.append([1, 1]);
    beside.append([4, 2], 'left');
    await beside.check();
    cache.crop([7, 8]);
    beside.texts = [beside.texts[0]!.slice(0, 7), beside.texts[1]!.slice(0, 8)];
    beside.append([0, 1]);
    beside.append([3, 0]);
    await beside.check();
    cache.take([1, 0]);
    beside.texts.reverse();
    beside.append([1, 2]);
    await beside.check();

    const twin = new Beside(cache.clone());
    twin.texts = beside.texts.map((text) => [...text]);
    twin.next = 50;
    twin.append([2, 2]);
    beside.append([3, 1]);
    await twin.check();
    await beside.check();

    const other = new Beside(create({ device, spec, B: 2, capacity: 20 }));
    other.append([9, 9]);
    other.cache.load(await cache.save());
    other.texts = beside.texts.map((text) => [...text]);
    other.next = 70;
    other.append([1, 0]);
    await other.check();

    cache.take([1]);
    beside.texts = [beside.texts[1]!];
    beside.append([2]);
    await beside.check();
    cache.reset();
    beside.texts = [[]];
    beside.append([7]);
    await beside.check();
    for (const one of [cache, twin.cache, other.cache]) one.dispose();
    expect(device.memory.buffers).toBe(0);
  });

  it('are counted', () => {
    const device = createReference();
    const cache = create({ device, spec, B: 2, capacity: 16 });
    new Beside(cache).append([9, 4]);
    // 3 and 1 of whole blocks, 3 and 1 that overlap
    const pooled = 4 * width * (3 + 1 + 3 + 1);
    const tokens = cache.kind === 'paged' ? 16 : 13;
    expect(cache.bytes().used).toBe(4 * width * tokens + pooled);
    expect(cache.bytes().full).toBe(2 * kv([spec]).bytes({ tokens: 16 }));
    cache.dispose();
  });

  it('leaves everything as it was where the function fails', async () => {
    const device = createReference();
    const cache = create({ device, spec, B: 2, capacity: 16 });
    const beside = new Beside(cache);
    beside.append([4, 4]);
    const k = tensor(device, new Float32Array(2 * 3 * width), [2, 3, 2, 3]);
    const fail: Pool = (_, tokens) => tokens;
    expect(() => cache.append({ k }, undefined, fail)).toThrow('pool must give whole as [1, 2, 3]');
    expect(() => cache.append({ k })).toThrow('pool must be the function that makes whole, lapping');
    expect(cache.lengths).toEqual([4, 4]);
    beside.append([3, 2]);
    await beside.check();
    cache.dispose();
  });
});

it('adopts a prefix, whose blocks are made with the next tokens', async () => {
  const device = createReference();
  const cache = createPaged({ device, spec, B: 2, capacity: 16, blockSize: 4 });
  const ids = Array.from({ length: 9 }, (_, i) => i);
  const beside = new Beside(cache);
  beside.append([9, 9]);
  cache.publish([ids, ids]);
  const later = new Beside(createPaged({ device, spec, B: 2, capacity: 16, pool: cache.pool }));
  expect((later.cache as typeof cache).adopt([ids, ids])).toBe(8);
  later.texts = [Array<number>(8).fill(1), Array<number>(8).fill(1)];
  later.next = 30;
  later.append([1, 2]);
  await later.check();
  later.cache.dispose();
  cache.dispose();
});

it('gives the same on every device', async () => {
  const devices = await openDevices();
  for (const device of devices.filter(({ name }) => !name.startsWith('gpujs:'))) {
    const beside = new Beside(createContiguous({ device, spec, B: 2, capacity: 16 }));
    beside.append([5, 3]);
    beside.append([1, 6], 'left');
    await beside.check();
    beside.cache.dispose();
  }
  for (const device of devices) device.dispose();
});

it('estimates a token by its share', () => {
  const footprint = kv([spec]);
  expect(footprint.elementsPerToken).toBe(6 + 6 / 3 + 6 / 2);
  expect(footprint.bytesPerToken('f16')).toBe(2 * 11);
  expect(footprint.elements({ tokens: 10, B: 2 })).toBe(2 * (60 + 6 * 3 + 6 * 4));
  expect(footprint.deviceBytes({ capacity: 2 })).toBe(4 * (12 + 6 + 6));
});

it('names caches that keep none, and rows that are made of nothing', () => {
  const device = createReference();
  const options = { device, B: 1, capacity: 8 };
  expect(() => createQuantized({ ...options, spec, bits: 8 })).toThrow(
    'quantized: spec.pooled must be left out',
  );
  expect(() => createRing({ ...options, spec: { ...spec, kind: 'window', cap: 4 } })).toThrow(
    'ring: spec.pooled must be left out',
  );
  const of = { ...spec, pooled: { whole: { of: 'w', row: [2], every: 2 } } };
  expect(() => createContiguous({ ...options, spec: of })).toThrow('made of the rows k');
  expect(() => createContiguous({ ...options, spec, format: 'f16' })).toThrow(
    'contiguous: format must be left out',
  );
  expect(device.memory.buffers).toBe(0);
});
