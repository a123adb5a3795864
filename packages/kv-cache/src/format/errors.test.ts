import { createReference, printable, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { plainSpec } from '../conformance/index.ts';
import { createContiguous, createSinkPreserving } from '../index.ts';
import { CacheFileError } from './errors.ts';
import { decodeCaches, encodeCaches } from './format.ts';
import type { Snapshot } from './record.ts';

const long = `\u001b]0;owned\u0007\u202e\ncache file: intact${'é'.repeat(100_000)}`;

/** Bookkeeping that names a kind, a section or 20,001 sizes, in a file whose checksum is right. */
it.each<readonly [what: string, change: (layer: Snapshot) => Snapshot]>([
  ['a kind', (layer) => ({ ...layer, kind: long })],
  ['a row', (layer) => ({ ...layer, spec: { ...layer.spec, rows: { [long]: [2, 4] } } })],
  ['a size', (layer) => ({ ...layer, spec: { ...layer.spec, rows: { k: Array(20_001).fill(7) } } })],
  [
    'a section',
    ({ sections, ...layer }) => ({ ...layer, sections: sections.map((s) => ({ ...s, name: long })) }),
  ],
  ['a length of a sequence', (layer) => ({ ...layer, lengths: [long as unknown as number] })],
  ['lengths', (layer) => ({ ...layer, lengths: long as unknown as number[] })],
])('shows no control character of %s, and stays short', async (_, change) => {
  const options = { device: createReference(), spec: plainSpec, B: 1, capacity: 8 };
  const cache = createContiguous(options);
  const rows = () => tensor(options.device, new Float32Array(8), [1, 1, 2, 4]);
  cache.append({ k: rows(), v: rows() });
  const [layer] = decodeCaches(await cache.save());
  let error: unknown;
  try {
    createContiguous(options).load(encodeCaches([change(layer!)]));
  } catch (thrown) {
    error = thrown;
  }
  expect(CacheFileError.isInstance(error)).toBe(true);
  const { message } = error as CacheFileError;
  expect(new TextEncoder().encode(JSON.stringify(message)).length).toBeLessThan(8192);
  expect(message).toBe(printable(message));
  expect(message.split('\n')).toHaveLength(1);
});

it('names the windows and sinks of a file and of the cache', async () => {
  const device = createReference();
  const cacheOf = (cap: number, sinks: number) =>
    createSinkPreserving({
      device,
      spec: { ...plainSpec, kind: 'window', cap, ...(sinks > 0 && { sinks }) },
      B: 1,
      capacity: cap,
    });
  const file = await cacheOf(6, 2).save();
  expect(() => cacheOf(6, 1).load(file)).toThrow('window of 6 with 2 sinks, ');
  expect(() => cacheOf(6, 1).load(file)).toThrow('window of 6 with 1 sinks, ');
});
