import {
  attention,
  createDevice,
  createPositions,
  createReference,
  type Device,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { randomIndex } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { checkCache, plainSpec } from '../conformance/index.ts';
import { tokenRows } from '../conformance/recompute.ts';
import { type Cache, createContiguous, createPagedPool, createWorkspace } from '../index.ts';
import { subjects } from '../testing/subjects.ts';
import { createPaged, type PagedCache } from './paged.ts';

checkCache('paged', subjects.paged);

/** Rows of tokens `[B, L, 2, 4]`, the same for the same id. */
function rows(device: Device, tokens: readonly (readonly number[])[]): Record<string, Tensor> {
  const shape = [tokens.length, tokens[0]!.length, 2, 4];
  const of = (name: string): Tensor => tensor(device, tokenRows(name, [2, 4], tokens), shape);
  return { k: of('k'), v: of('v') };
}

async function attend(device: Device, cache: Cache, token: number): Promise<Float32Array> {
  const { rows: kept, valid, offset } = cache.append(rows(device, Array(cache.B).fill([token])));
  const q: Tensor = tensor(device, tokenRows('q', [4, 4], Array(cache.B).fill([token])), [cache.B, 1, 4, 4]);
  return attention({ q, k: kept.k!, v: kept.v! }, { causal: { offset }, valid }).data();
}

const prefix = Array.from({ length: 1000 }, (_, i) => i + 1);

describe.each(['reference', 'gpujs:cpu', 'gpujs:webasm'])('on %s', (name) => {
  it('two sequences with a common prefix of 1000 tokens store it once', async () => {
    const device = await createDevice(name);
    const pool = createPagedPool({ device, spec: plainSpec, blocks: 70, blockSize: 16 });
    const options = { device, spec: plainSpec, B: 1, capacity: 1040, pool };
    const first = createPaged(options);
    first.append(rows(device, [prefix]));
    first.publish([prefix]);
    expect(pool.tables.used).toBe(63);

    const second = createPaged(options);
    expect(second.view().valid).toBe(0);
    expect(second.adopt([[...prefix, 5, 6]])).toBe(992);
    expect(pool.tables.used).toBe(63);
    second.append(rows(device, [prefix.slice(992)]));
    expect(pool.tables.used).toBe(64);

    const alone = createContiguous(options);
    alone.append(rows(device, [prefix]));
    const want = await attend(device, alone, 2000);
    expect(await attend(device, first, 2000)).toEqual(want);
    expect(await attend(device, second, 2000)).toEqual(want);
    device.dispose();
  });
});

it('a fork costs nothing until the two part', async () => {
  const device = createReference();
  const cache = createPaged({ device, spec: plainSpec, B: 1, capacity: 64, blockSize: 16, blocks: 8 });
  cache.append(rows(device, [prefix.slice(0, 40)]));
  const fork = cache.clone();
  const { tables } = cache.pool;
  expect(tables.used).toBe(3);
  fork.append(rows(device, [[7]]));
  expect(tables.used).toBe(4);
  cache.append(rows(device, [[8]]));
  expect(tables.used).toBe(4);
  const straight = createContiguous({ device, spec: plainSpec, B: 1, capacity: 64 });
  straight.append(rows(device, [[...prefix.slice(0, 40), 7]]));
  expect(await attend(device, fork, 9)).toEqual(await attend(device, straight, 9));
});

it('conversations that take turns share one view', async () => {
  const device = createReference();
  const pool = createPagedPool({ device, spec: plainSpec, blocks: 40, blockSize: 4 });
  const workspace = createWorkspace();
  const options = { device, spec: plainSpec, B: 1, capacity: 32 };
  const caches = Array.from({ length: 5 }, () => createPaged({ ...options, pool, workspace }));
  const twins = caches.map(() => createContiguous(options));
  const pick = randomIndex(3);
  for (let step = 0; step < 60; step++) {
    const n = pick(caches.length);
    if (twins[n]!.length === 32) continue;
    expect(await attend(device, caches[n]!, step + 1)).toEqual(await attend(device, twins[n]!, step + 1));
  }
  const view = 2 * 32 * 8 * 4;
  const slot = 4; // where the view takes the newest row
  expect(caches.reduce((sum, cache) => sum + cache.bytes().device, 0)).toBe(view + slot);
  for (const cache of caches) cache.dispose();
  expect(pool.tables.free).toBe(40);
});

it('the blocks of a file are those of its tables, a shared one once', async () => {
  const device = createReference();
  const options = { device, spec: plainSpec, B: 3, capacity: 32, blockSize: 4, blocks: 40 };
  const cache = createPaged(options);
  cache.append(rows(device, [prefix.slice(0, 8), prefix.slice(0, 8), prefix.slice(20, 28)]));
  cache.take([0, 0, 2]);
  expect(cache.pool.tables.used).toBe(4);
  const file = await cache.save();
  const copy = createPaged(options);
  copy.load(file);
  expect(copy.pool.tables.used).toBe(4);
  copy.append(rows(device, [[1], [2], [3]]));
  expect(copy.pool.tables.used).toBe(7);
  expect((await copy.view().rows.k!.data()).length).toBe(3 * 32 * 8);
  const coarser = createPaged({ ...options, blockSize: 8 });
  expect(() => coarser.load(file)).toThrow('cache file: blocks of 4 tokens, this cache has blocks of 8');
  const small = createPaged({ ...options, blocks: 3 });
  expect(() => small.load(file)).toThrow(
    'cache file: it holds 16 tokens of state 0.self, this cache has room for 12',
  );
});

it.each([
  [2, [0, 0], 1],
  [3, [0, 0, 0], 2],
  [3, [0, 0, 2], 1],
  [4, [1, 1, 2, 2], 2],
])('%i beams taken by %j need %i free blocks, and no more', (B, order, needed) => {
  const make = (blocks: number): PagedCache => {
    const device = createReference();
    const cache = createPaged({ device, spec: plainSpec, B, capacity: 8, blockSize: 4, blocks });
    cache.append(
      rows(
        device,
        Array.from({ length: B }, (_, b) => [b, b + 10, b + 20]),
      ),
    );
    cache.take(order);
    return cache;
  };
  const token = (cache: PagedCache) =>
    rows(
      (cache as PagedCache & { device: Device }).device,
      Array.from({ length: B }, (_, b) => [b + 30]),
    );
  const distinct = new Set(order).size;
  const cache = make(distinct + needed);
  cache.append(token(cache));
  expect([cache.pool.tables.used, cache.pool.tables.free]).toEqual([distinct + needed, 0]);
});

it('asks for as many blocks as an append takes, whoever shares them', () => {
  const device = createReference();
  const pool = createPagedPool({ device, spec: plainSpec, blocks: 3, blockSize: 4 });
  const cache = createPaged({ device, spec: plainSpec, B: 2, capacity: 8, pool });
  cache.append(rows(device, [[1], [2]]));
  cache.take([0, 0]);
  const other = cache.clone();
  // one block of three is in use; the two beams and the clone's two share it
  expect([pool.tables.used, pool.tables.free]).toEqual([1, 2]);
  cache.append(rows(device, [[3], [4]]));
  expect(pool.tables.free).toBe(0);
  expect(() => other.append(rows(device, [[5], [6]]))).toThrow('must have 1 free blocks');
  cache.dispose();
  other.append(rows(device, [[5], [6]]));
  expect(pool.tables.used).toBe(2);
});

it('adopts no more than leaves a token for the logits', async () => {
  const device = createReference();
  const pool = createPagedPool({ device, spec: plainSpec, blocks: 16, blockSize: 4 });
  const options = { device, spec: plainSpec, capacity: 32, pool };
  const prompt = prefix.slice(0, 8);
  const first = createPaged({ ...options, B: 1 });
  first.append(rows(device, [prompt]));
  first.publish([prompt]);
  const adopted = (...prompts: readonly number[][]): number => {
    const cache = createPaged({ ...options, B: prompts.length });
    const tokens = cache.adopt(prompts);
    expect(tokens).toBe(cache.length);
    cache.dispose();
    return tokens;
  };
  expect(adopted(prompt)).toBe(4);
  expect(adopted([...prompt, 9])).toBe(8);
  expect(adopted(prompt.slice(0, 5))).toBe(4);
  expect(adopted(prompt.slice(0, 4))).toBe(0);
  expect(adopted([])).toBe(0);
  expect(adopted([...prompt, 9], prompt)).toBe(4);
  const second = createPaged({ ...options, B: 1 });
  second.adopt([prompt]);
  second.append(rows(device, [prompt.slice(4)]));
  expect(await attend(device, second, 9)).toEqual(await attend(device, first, 9));
  expect(() => createPaged({ ...options, B: 1 }).adopt([7] as never)).toThrow(
    'paged.adopt: tokens must have one row of ids for each of the 1 sequences',
  );
});

it('asks for no block where a sequence takes no token', () => {
  const device = createReference();
  const cache = createPaged({ device, spec: plainSpec, B: 2, capacity: 8, blockSize: 4, blocks: 2 });
  cache.append(rows(device, [[1], [2]]));
  cache.take([0, 0]);
  // one of the two goes on alone, and the other keeps the block that they shared
  const at = createPositions(device, [[1], [-1]]);
  cache.append(rows(device, [[3], [0]]), at);
  expect([cache.lengths, cache.pool.tables.free]).toEqual([[2, 1], 0]);
});

it.each([
  [
    (device: Device) => {
      const cache = createPaged({ device, spec: plainSpec, B: 1, capacity: 64, blockSize: 16, blocks: 2 });
      cache.append(rows(device, [prefix.slice(0, 33)]));
    },
    'paged.append: the pool must have 3 free blocks of 16 tokens (crop or dispose other sequences, or create the pool larger), got "2 of 2"',
  ],
  [
    (device: Device) => {
      const pool = createPagedPool({ device: createReference(), spec: plainSpec, blocks: 2 });
      createPaged({ device, spec: plainSpec, B: 1, capacity: 64, pool });
    },
    'paged: pool must hold the rows of this layer on reference, got "another"',
  ],
  [
    (device: Device) => {
      const cache = createPaged({ device, spec: plainSpec, B: 1, capacity: 64 });
      cache.append(rows(device, [[1]]));
      cache.adopt([prefix]);
    },
    'paged.adopt: the cache must be empty (reset it), got "1 tokens"',
  ],
  [
    (device: Device) => createPaged({ device, spec: plainSpec, B: 2, capacity: 64 }).publish([prefix]),
    'paged.publish: tokens must have one row of ids for each of the 2 sequences, got "1 rows"',
  ],
])('refuses what cannot be (%#)', (act, message) => {
  expect(() => act(createReference())).toThrow(message);
});

it('says which blocks its sequences have', () => {
  const device = createReference();
  const cache = createPaged({ device, spec: plainSpec, B: 2, capacity: 12, blockSize: 4 });
  expect(cache.tables).toEqual([[], []]);
  cache.append(rows(device, [Array(5).fill(1), Array(5).fill(2)]));
  expect(cache.tables).toEqual([
    [0, 1],
    [2, 3],
  ]);
  cache.take([0, 0]);
  expect(cache.tables).toEqual([
    [0, 1],
    [0, 1],
  ]);
});
