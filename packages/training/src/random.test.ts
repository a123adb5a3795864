import { createDevice, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { dropout } from './dropout.ts';
import { hash, permutation, uniform } from './random.ts';

it('is a function of its words, in their order', () => {
  expect(hash(1, 2)).toBe(hash(1, 2));
  expect(new Set([hash(1, 2), hash(2, 1), hash(1), hash(1, 2, 0), hash()]).size).toBe(5);
  expect(() => hash(-1)).toThrow('hash: words must be whole numbers from 0 to below 2^32, got -1');
  expect(() => hash(0.5)).toThrow('whole numbers');
});

it('is even: a chi-square of 64 bins stays below the 99.99 % quantile', () => {
  const counts = new Array<number>(64).fill(0);
  for (let i = 0; i < 64_000; i++) counts[Math.floor(uniform(9, i) * 64)]! += 1;
  const chi = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  // 63 degrees of freedom: 113.5
  expect(chi).toBeLessThan(113.5);
});

it('puts everything somewhere once, and elsewhere for another seed', () => {
  const order = permutation(1000, 4, 2);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect(permutation(1000, 4, 2)).toEqual(order);
  const other = permutation(1000, 4, 3);
  expect(other.filter((place, i) => place === order[i]).length).toBeLessThan(10);
});

it('drops the same numbers on every device, a share p of them, and keeps the mean', async () => {
  const all: Float32Array[] = [];
  for (const name of ['reference', 'wasm', 'gpujs:webasm']) {
    const device = await createDevice(name);
    const x = tensor(device, new Float32Array(20_000).fill(1), [20, 1000]);
    all.push(await dropout(x, { p: 0.3, seed: 1, place: 2, step: 3 }).data());
  }
  expect(all[1]).toEqual(all[0]);
  expect(all[2]).toEqual(all[0]);
  const zeros = all[0]!.filter((value) => value === 0).length / 20_000;
  expect(Math.abs(zeros - 0.3)).toBeLessThan(0.015);
  expect(new Set(all[0])).toEqual(new Set([0, Math.fround(1 / 0.7)]));
  const device = await createDevice('reference');
  const x = tensor(device, [1, 2], [2]);
  expect(dropout(x, { p: 0, seed: 1, place: 1, step: 1 })).toBe(x);
  expect(() => dropout(x, { p: 1, seed: 1, place: 1, step: 1 })).toThrow(
    'p must be from 0 to below 1, got 1',
  );
});
