import { expect, it } from 'vitest';
import { restoreRandom } from './restore.ts';
import { createRandom } from './xoshiro.ts';

it('gives the numbers of the published algorithm', () => {
  // xoshiro128** from the state 1, 2, 3, 4: first outputs of the authors' C code
  const words = [11520, 0, 5927040, 70819200, 2031721883, 1637235492];
  const random = restoreRandom({ algorithm: 'xoshiro128**', words: [1, 2, 3, 4] });
  for (let i = 0; i < words.length; i += 2) {
    const high = words[i]! >>> 5;
    const low = words[i + 1]! >>> 6;
    expect(random.next()).toBe((high * 2 ** 26 + low) / 2 ** 53);
  }
});

it('gives the same numbers for the same seed, on every platform', () => {
  const random = createRandom(42);
  const numbers = Array.from({ length: 4 }, () => random.next());
  expect(numbers).toMatchInlineSnapshot(`
    [
      0.6606157208001621,
      0.1117019639532224,
      0.0791056456144914,
      0.015209237180418,
    ]
  `);
});

it('has a mean of a half and no correlation between neighbours', () => {
  const random = createRandom(7);
  const n = 200_000;
  let sum = 0;
  let products = 0;
  let last = 0.5;
  let outside = 0;
  for (let i = 0; i < n; i++) {
    const u = random.next();
    if (!(u >= 0 && u < 1)) outside++;
    sum += u;
    products += (u - 0.5) * (last - 0.5);
    last = u;
  }
  expect(outside).toBe(0);
  // five standard deviations: a right generator fails for one seed in two million
  expect(Math.abs(sum / n - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
  expect(Math.abs(products / n)).toBeLessThan((5 / 12) * Math.sqrt(1 / n));
});

it('takes large seeds, and tells them apart', () => {
  const firsts = [0, 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1].map((seed) => createRandom(seed).next());
  expect(new Set(firsts).size).toBe(5);
});

it('goes on alike after a clone and after a restore from JSON', () => {
  const random = createRandom(3);
  random.next();
  const copies = [random.clone(), restoreRandom(JSON.parse(JSON.stringify(random.state())))];
  const wanted = [random.next(), random.next()];
  for (const copy of copies) expect([copy.next(), copy.next()]).toEqual(wanted);
});

it.each([-1, 1.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
  expect(() => createRandom(seed)).toThrow(
    `random: seed must be a whole number ≥ 0, got ${seed}; a seed is a whole number from 0 to 2^53 − 1`,
  );
});

it('refuses a state it cannot go on from', () => {
  expect(() => restoreRandom({ algorithm: 'dice', words: [] })).toThrow(
    'random: cannot restore "dice"; known are xoshiro128**, xorshift64*, replay',
  );
  expect(() => restoreRandom({ algorithm: 'xoshiro128**', words: [0, 0, 0, 0] })).toThrow(
    'random: the state is all zeros, which xoshiro128** never leaves; seed it instead',
  );
});
