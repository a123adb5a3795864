import { createReference, tensor } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { plainSpec } from '../conformance/index.ts';
import type { CacheSubject } from '../conformance/subject.ts';
import { createTwin } from '../conformance/twin.ts';
import { createContiguous, createRing } from '../index.ts';
import { subjects } from '../testing/subjects.ts';
import { crc32 } from './crc32.ts';
import { CacheFileError } from './errors.ts';
import { decodeCaches, encodeCaches, FORMAT_VERSION } from './format.ts';

it('computes the CRC-32 of zip and PNG', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0))).toBe(0);
});

/** What the file says, for comparing two of them. */
function content(file: Uint8Array): string {
  return JSON.stringify(decodeCaches(file), (_, value) =>
    ArrayBuffer.isView(value) ? [...new Uint8Array(value.buffer)] : value,
  );
}

describe.each(Object.entries(subjects))('a file of a %s cache', (_, subject: CacheSubject) => {
  it('is refused or loads the same with any one bit flipped', async () => {
    const twin = createTwin(subject, createReference(), 1);
    for (let tokens = 0; tokens < 7; tokens++) twin.feed(1);
    const file = await twin.cache.save();
    expect(file.length).toBeLessThan(4000);
    const target = createTwin(subject, createReference(), 1).cache;
    let refused = 0;
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const flipped = file.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => target.load(flipped)).toThrow(CacheFileError);
      refused++;
    }
    expect(refused).toBe(8 * file.length);
    expect([target.length, target.held]).toEqual([0, 0]);
    target.load(file);
    expect(content(await target.save())).toBe(content(file));
  });

  it('is refused at any shorter length, and with a byte more', async () => {
    const twin = createTwin(subject, createReference(), 1);
    for (let tokens = 0; tokens < 5; tokens++) twin.feed(1);
    const file = await twin.cache.save();
    for (let length = 0; length < file.length; length++) {
      expect(() => twin.cache.load(file.subarray(0, length))).toThrow(CacheFileError);
    }
    expect(() => twin.cache.load(Uint8Array.of(...file, 0))).toThrow(CacheFileError);
    expect(twin.cache.length).toBe(5);
  });
});

const device = createReference();
const options = { device, spec: plainSpec, B: 1, capacity: 8 };

function filled(tokens: number, of = options): ReturnType<typeof createContiguous> {
  const cache = createContiguous(of);
  const rows = Object.entries(of.spec.rows).map(([name, row]) => {
    const shape = [of.B, tokens, ...row];
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i / 7);
    return [name, tensor(device, values, shape)] as const;
  });
  cache.append(Object.fromEntries(rows));
  return cache;
}

it('keeps every number as float32, whatever it is', async () => {
  const cache = createContiguous({ ...options, spec: { ...plainSpec, rows: { k: [8] } } });
  const odd = Float32Array.of(-0, Number.NaN, Infinity, -Infinity, 1e-45, 3.4028235e38, 0.1, -1);
  cache.append({ k: tensor(device, odd, [1, 1, 8]) });
  const copy = createContiguous({ ...options, spec: { ...plainSpec, rows: { k: [8] } } });
  copy.load(await cache.save());
  const loaded = (await copy.view().rows.k!.data()).subarray(0, 8);
  expect(loaded).toEqual(odd);
  expect(Object.is(loaded[0], -0)).toBe(true);
});

it('loads into a cache of another capacity when it fits', async () => {
  const file = await filled(5).save();
  const larger = createContiguous({ ...options, capacity: 20 });
  larger.load(file);
  expect(larger.length).toBe(5);
  const windowed = { ...options, spec: { ...plainSpec, kind: 'window' as const, cap: 3 } };
  const ring = createRing({ ...windowed, capacity: 6 });
  const rows = () => tensor(device, new Float32Array(4 * 8), [1, 4, 2, 4]);
  for (let n = 0; n < 3; n++) ring.append({ k: rows(), v: rows() });
  const tight = createRing({ ...windowed, capacity: 3 });
  tight.load(await ring.save());
  expect([tight.length, tight.held, ring.held]).toEqual([12, 3, 6]);
});

it.each([
  [
    'more tokens than there is room for',
    () => createContiguous({ ...options, capacity: 4 }),
    () => filled(5).save(),
    'cache file: it holds 5 tokens of state 0.self, this cache has room for 4',
  ],
  [
    "another model's shapes",
    () => createContiguous({ ...options, spec: { ...plainSpec, rows: { k: [2, 4], v: [2, 8] } } }),
    () => filled(5).save(),
    'cache file: what a token adds of state 0.self: the file has full, k [2, 4], v [2, 4], this cache has full, k [2, 4], v [2, 8]',
  ],
  [
    'another batch',
    () => createContiguous({ ...options, B: 2 }),
    () => filled(5).save(),
    'cache file: sequences of state 0.self: the file has 1, this cache has 2',
  ],
  [
    'another kind',
    () => createRing({ ...options, spec: { ...plainSpec, kind: 'window', cap: 4 } }),
    () => filled(5).save(),
    'cache file: kind of state 0.self: the file has contiguous, this cache has ring',
  ],
  [
    'another version',
    () => createContiguous(options),
    async () => withVersion(await filled(5).save(), FORMAT_VERSION + 1),
    'cache file: it is of version 3, this release reads version 2',
  ],
  [
    'several layers',
    () => createContiguous(options),
    async () =>
      encodeCaches([...decodeCaches(await filled(5).save()), ...decodeCaches(await filled(5).save())]),
    'cache file: it holds 2 states, one cache takes one (loadStates takes the list)',
  ],
  [
    'something else',
    () => createContiguous(options),
    async () => new TextEncoder().encode('{"safetensors": "no, this is some other file"}'),
    'cache file: this is not a cache file (it does not begin with HWCACHE)',
  ],
  [
    'text',
    () => createContiguous(options),
    async () => 'HWCACHE' as never,
    'cache file: the content must be a Uint8Array, got string',
  ],
])('refuses a file of %s', async (_, create, save, message) => {
  const cache = create();
  const file = await save();
  expect(() => cache.load(file)).toThrow(message);
  expect(cache.length).toBe(0);
});

/** A file that says it is of another version, with a checksum that is right. */
function withVersion(file: Uint8Array, version: number): Uint8Array {
  const changed = file.slice();
  const view = new DataView(changed.buffer);
  view.setUint32(8, version, true);
  view.setUint32(changed.length - 4, crc32(changed.subarray(0, changed.length - 4)), true);
  return changed;
}

it('says what is wrong with a header that contradicts its file', async () => {
  const [layer] = decodeCaches(await filled(5).save());
  const wrong = encodeCaches([{ ...layer!, lengths: [4] }]);
  expect(() => createContiguous(options).load(wrong)).toThrow(
    'cache file: section k must hold 32 float32 numbers, it has 40',
  );
  const less = encodeCaches([{ ...layer!, sections: layer!.sections.slice(0, 1) }]);
  expect(() => createContiguous(options).load(less)).toThrow(
    'cache file: section v must hold 40 float32 numbers, it has none',
  );
  const none = encodeCaches([{ ...layer!, lengths: [-1] }]);
  expect(() => createContiguous(options).load(none)).toThrow(
    'it holds -1 tokens of sequence 0 of state 0.self, which must be a whole number from 0 to 2147483647',
  );
});
