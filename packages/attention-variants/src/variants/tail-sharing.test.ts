import { expect, it } from 'vitest';
import golden from '../../golden/tail-sharing.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { tailSharing } from './tail-sharing.ts';

checkVariant(tailSharing, {
  golden,
  options: { period: 2, tail: 2, window: 3, Hkv: 2 },
  shape: { E: 12, H: 4, D: 4, layers: 4 },
});

const options = { ...tailSharing.defaults, period: 5, tail: 15, window: 512, Hkv: 2 };
// Gemma 3n E4B
const shape = { E: 2048, H: 8, D: 256, layers: 35 };

it('reads in the tail the last layer of its kind before it', () => {
  const specs = Array.from({ length: 35 }, (_, layer) => tailSharing.kv(shape, options, layer));
  expect(specs.slice(0, 20).map(({ kind }) => kind)).toEqual(
    Array.from({ length: 20 }, (_, layer) => (layer % 5 === 4 ? 'full' : 'window')),
  );
  expect(specs.slice(20).map(({ producer }) => producer)).toEqual(
    Array.from({ length: 15 }, (_, n) => (n % 5 === 4 ? '19.self' : '18.self')),
  );
  expect(specs[18]!.cap).toBe(512);
  expect(Object.keys(tailSharing.parameters(shape, options, 34))).toEqual(['q', 'o']);
});

it.each([
  [{ tail: 31 }, 'tail must leave a full layer before it, whose keys and values layer 4 of 35 reads'],
  [{ tail: -1 }, 'tail must be a whole number ≥ 0'],
  [{ window: 0 }, 'window must be a whole number ≥ 1'],
])('refuses %j', (given, message) => {
  expect(() => tailSharing.check(shape, { ...options, ...given })).toThrow(message);
});
