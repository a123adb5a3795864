import { expect, it } from 'vitest';
import { seededBits } from './random.ts';

/** Marsaglia's recurrence in whole numbers of any size. */
function* xorshift(seed: number): Generator<bigint> {
  const word = 2n ** 32n;
  const start = (BigInt(seed + 1) * 0x9e3779b9n) % word;
  let x = (start ^ 0x85ebca6bn) | 1n;
  for (;;) {
    x ^= (x << 13n) % word;
    x ^= x >> 17n;
    x ^= (x << 5n) % word;
    yield x;
  }
}

it.each([0, 1, 2, 12_345, 2 ** 31])('follows its recurrence from seed %i', (seed) => {
  const bits = seededBits(seed);
  const wanted = xorshift(seed);
  for (let n = 0; n < 1000; n++) expect(bits()).toBe(Number(wanted.next().value));
});
