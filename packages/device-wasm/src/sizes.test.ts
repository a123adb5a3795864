import { seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { Sizes } from './sizes.ts';

it('is a map, however much comes and goes', () => {
  const sizes = new Sizes();
  const map = new Map<number, number>();
  for (const [n, x] of seededValues(20_000, 1).entries()) {
    // few addresses, so that many meet at one place
    const address = 64 * (1 + (Math.floor(Math.abs(x) * 1e6) % 900));
    if (map.has(address)) {
      sizes.delete(address);
      map.delete(address);
    } else {
      sizes.set(address, n);
      map.set(address, n);
    }
    expect(sizes.get(address)).toBe(map.get(address));
  }
  expect(map.size).toBeGreaterThan(256);
  for (let address = 64; address <= 64 * 901; address += 64)
    expect(sizes.get(address)).toBe(map.get(address));
  expect(sizes.keys().sort((a, b) => a - b)).toEqual([...map.keys()].sort((a, b) => a - b));
});

it('knows addresses beyond two gibibytes', () => {
  const sizes = new Sizes();
  sizes.set(2 ** 32 - 128, 2 ** 31);
  sizes.set(64, 2 ** 32 - 64);
  expect([sizes.get(2 ** 32 - 128), sizes.get(64), sizes.get(128)]).toEqual([
    2 ** 31,
    2 ** 32 - 64,
    undefined,
  ]);
});
