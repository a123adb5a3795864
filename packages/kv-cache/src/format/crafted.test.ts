import { createReference, scope, sizeOf, tensor, ValueError } from '@headwise/tensor';
import { mutateBytes, mutateJson, randomIndex } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { plainSpec } from '../conformance/index.ts';
import type { CacheSubject } from '../conformance/subject.ts';
import { createTwin } from '../conformance/twin.ts';
import type { Cache } from '../contract.ts';
import { createContiguous, createRing, createStates, loadStates, saveStates } from '../index.ts';
import { subjects } from '../testing/subjects.ts';
import { crc32 } from './crc32.ts';
import { CacheFileError } from './errors.ts';
import { FORMAT_VERSION } from './format.ts';

/** Files that someone made with a checksum that is right. */

const long = process.env.HEADWISE_LONG === '1';
const rounds = long ? 20_000 : 400;
const LEAD = 16;

interface Parts {
  readonly header: { readonly layers: Record<string, unknown>[] };
  readonly payload: Uint8Array;
}

function partsOf(file: Uint8Array): Parts {
  const length = new DataView(file.buffer, file.byteOffset).getUint32(12, true);
  const text = new TextDecoder().decode(file.subarray(LEAD, LEAD + length));
  return { header: JSON.parse(text), payload: file.slice(LEAD + Math.ceil(length / 4) * 4, -4) };
}

/** A file with this header, written as it is, and a checksum that is right. */
function craft(header: object | string, payload: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const start = LEAD + Math.ceil(text.length / 4) * 4;
  const file = new Uint8Array(start + payload.length + 4);
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode('HWCACHE\n'));
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, text.length, true);
  file.set(text, LEAD);
  file.set(payload, start);
  view.setUint32(file.length - 4, crc32(file.subarray(0, -4)), true);
  return file;
}

/** What a load throws: nothing, or an error of the format that names the defect in few words. */
function complaint(load: () => void): string | undefined {
  try {
    load();
  } catch (error) {
    if (!CacheFileError.isInstance(error)) throw error;
    expect(new TextEncoder().encode(error.message).length).toBeLessThan(8192);
    expect(error.message).toMatch(/^cache file: \P{C}+$/u);
    return error.message;
  }
  return undefined;
}

/** One more token of zeros, or the refusal of a cache that is full. */
function appendOne(cache: Cache): void {
  const fill = (shapes: Readonly<Record<string, readonly number[]>>, lead: readonly number[]) =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, row]) => {
        const shape = [...lead, ...row];
        return [
          name,
          tensor((cache as Cache & { device: never }).device, new Float32Array(sizeOf(shape)), shape),
        ];
      }),
    );
  try {
    scope(() => {
      if (cache.spec.kind === 'recurrent') cache.advance(fill(cache.spec.constant, [cache.B]), 1);
      else cache.append(fill(cache.spec.rows, [cache.B, 1]));
    });
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
  }
}

for (const [name, subject] of Object.entries(subjects) as [string, CacheSubject][])
  it(
    `a crafted file of a ${name} cache loads to something valid, or is refused and changes nothing`,
    async () => {
      const writer = createTwin(subject, createReference());
      for (let tokens = 0; tokens < 7; tokens++) writer.feed(1);
      writer.feed([[false], [true]]);
      const { header, payload } = partsOf(await writer.cache.save());
      const target = createTwin(subject, createReference());
      target.feed(2);
      const before = await target.cache.save();
      const pick = randomIndex(name.length);
      let loaded = 0;
      for (let round = 0; round < rounds; round++) {
        const file =
          pick(4) === 0
            ? craft(header, mutateBytes(payload, pick))
            : craft(mutateJson(header, pick), payload);
        const message = complaint(() => target.cache.load(file));
        if (message !== undefined) {
          if (round % 40 === 0) expect(await target.cache.save()).toEqual(before);
          continue;
        }
        loaded++;
        const { cache } = target;
        expect(cache.held).toBeLessThanOrEqual(Math.min(cache.length, cache.capacity));
        const copy = createTwin(subject, createReference()).cache;
        copy.load(await cache.save());
        expect(copy.length).toBe(cache.length);
        appendOne(cache);
        cache.crop(0);
        cache.load(before);
      }
      expect(await target.cache.save()).toEqual(before);
      // numbers that are others are valid; most headers are not
      expect(loaded).toBeGreaterThan(0);
      expect(loaded).toBeLessThan(rounds / 2);
    },
    long ? 3_600_000 : 60_000,
  );

const windowed = { ...plainSpec, kind: 'window', cap: 4 } as const;
const two = (capacity = 12) =>
  createStates([plainSpec, windowed], { device: createReference(), B: 2, capacity });

async function twoLayers(tokens = 9): Promise<Parts> {
  const states = two();
  for (let n = 0; n < tokens; n++) for (const state of states) appendOne(state);
  return partsOf(await saveStates(states));
}

const changes: readonly [string, (layers: Record<string, unknown>[]) => unknown, string | RegExp][] = [
  ['lengths that are a text', ([a]) => (a!.lengths = '99'), 'layers[0].lengths must be a list, it is "99"'],
  [
    'lengths that only look like a list',
    ([a]) => (a!.lengths = { 0: 9, 1: 9, length: 2 }),
    'layers[0].lengths must be a list, it is an object',
  ],
  [
    'lengths of another batch',
    ([a]) => (a!.lengths = [9, 9, 9]),
    'the lengths of state 0.self are not those of 2 sequences',
  ],
  [
    'lengths that differ',
    ([a]) => (a!.lengths = [9, 8]),
    /its layers hold unequal numbers of tokens: 9, 8 in 0.self, 9, 9 in 1.self/,
  ],
  ['layers that changed places', (layers) => layers.reverse(), /kind of state 0.self: the file has ring/],
  [
    'another layer',
    ([a]) => (a!.id = '7.self'),
    'the id of state 0.self: the file has 7.self, this cache has 0.self',
  ],
  [
    'another format',
    ([a]) => (a!.format = 'f16'),
    'the format of k of state 0.self: the file has f16, this cache has f32',
  ],
  [
    'a format that there is not',
    ([a]) => (a!.format = { k: 'constructor' }),
    'layers[0].format.k must be one of f16, bf16',
  ],
  [
    'a type that every object has',
    ([a]) => ((a!.sections as { dtype: string }[])[0]!.dtype = 'constructor'),
    'layers[0].sections[0].dtype must be one of f32, i32, u8, it is "constructor"',
  ],
  [
    'a kind that every object has',
    ([a]) => ((a!.spec as { kind: string }).kind = 'toString'),
    'layers[0].spec.kind must be one of full, window',
  ],
  [
    'a window with a hole',
    ([, b]) => (b!.state = { first: [6, 7] }),
    'a ring of 9 tokens cannot begin at position 7',
  ],
  [
    'rows that are named as a list of rows',
    ([a]) => (a!.spec = { ...(a!.spec as object), rows: { 'k [2, 4], v': [2, 4] } }),
    'what a token adds of state 0.self',
  ],
  [
    'rows without a size',
    ([a]) => (a!.spec = { ...(a!.spec as object), rows: { k: [0, 4] } }),
    'layers[0].spec.rows.k must be a list of whole numbers ≥ 1',
  ],
  [
    'a section that stands twice',
    ([a]) => (a!.sections = [...(a!.sections as object[]), (a!.sections as object[])[0]]),
    'must name each section once, "k" stands twice',
  ],
  [
    'a section of nothing',
    ([, b]) => (b!.sections as object[]).push({ name: 'kk', dtype: 'f32', length: 0 }),
    'section kk is of nothing that state 1.self keeps',
  ],
  [
    'a section as long as memory',
    ([a]) => ((a!.sections as { length: number }[])[0]!.length = 2 ** 52),
    'section k is longer than the file',
  ],
  [
    'a length beyond every position',
    (layers) => {
      for (const layer of layers) layer.lengths = [9, 2 ** 40];
    },
    'it holds 1099511627776 tokens of sequence 1 of state 0.self, which must be a whole number',
  ],
  [
    'a name as long as a book',
    ([a]) => (a!.kind = `\u001b[2J${'contiguous'.repeat(50_000)}`),
    /^cache file: kind of state 0.self: the file has \\u001b.{0,2000}$/,
  ],
  ['no layers', (layers) => layers.splice(0), /bytes stand after the last section$/],
];

it.each(changes)('refuses a file of a model with %s, in every layer', async (_, change, message) => {
  const { header, payload } = await twoLayers();
  change(header.layers);
  const states = two();
  for (const state of states) appendOne(state);
  const before = await saveStates(states);
  expect(complaint(() => loadStates(states, craft(header, payload)))).toMatch(message);
  expect(await saveStates(states)).toEqual(before);
});

it.each([
  ['a list', '[]', 'its header must be an object'],
  ['no JSON', '{"layers":', 'its header cannot be read: it is not JSON in UTF-8'],
  ['a byte order mark', '\ufeff{"layers":[]}', 'its header cannot be read'],
  [
    'layers that are inherited',
    '{"__proto__":{"layers":[]}}',
    'its header.layers must be a list, it is undefined',
  ],
])('refuses a header with %s', (_, text, message) => {
  expect(complaint(() => loadStates(two(), craft(text, new Uint8Array(0))))).toMatch(message);
});

it('does not save layers that a step left at unequal lengths', async () => {
  const states = two();
  appendOne(states[0]!);
  await expect(saveStates(states)).rejects.toThrow(
    'saveStates: states must be of one length, got "1, 1 in 0.self, 0, 0 in 1.self"',
  );
});

it('what one cache saved is not taken for another layer or format', async () => {
  const options = { device: createReference(), spec: plainSpec, B: 1, capacity: 8 };
  const file = await createContiguous({ ...options, id: '3.self' }).save();
  expect(complaint(() => createContiguous(options).load(file))).toMatch('the file has 3.self');
  expect(complaint(() => createContiguous({ ...options, id: '3.self' }).load(file))).toBeUndefined();
  const ring = createRing({ ...options, spec: windowed });
  expect(complaint(() => ring.load(file))).toMatch('kind of state 0.self: the file has contiguous');
});
