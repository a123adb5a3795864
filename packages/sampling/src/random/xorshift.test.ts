import { expect, it } from 'vitest';
import { restoreRandom } from './restore.ts';
import { createXorshift } from './xorshift.ts';

it('gives the numbers of llama2.c', () => {
  // random_f32 of run.c, computed by hand from the rule for seed 42
  const step = (x: bigint) => {
    let y = x ^ (x >> 12n);
    y ^= (y << 25n) & 0xffff_ffff_ffff_ffffn;
    return y ^ (y >> 27n);
  };
  const random = createXorshift(42);
  let x = 42n;
  for (let i = 0; i < 5; i++) {
    x = step(x);
    const u32 = ((x * 0x2545f4914f6cdd1dn) & 0xffff_ffff_ffff_ffffn) >> 32n;
    expect(random.next()).toBe(Number(u32 >> 8n) / 16_777_216);
  }
});

it('goes on alike after a clone and after a restore from JSON', () => {
  const random = createXorshift(2n ** 64n - 1n);
  random.next();
  const copies = [random.clone(), restoreRandom(JSON.parse(JSON.stringify(random.state())))];
  const wanted = random.next();
  for (const copy of copies) expect(copy.next()).toBe(wanted);
});

it.each([0, -1, 1.5, 2n ** 64n])('refuses the seed %s', (seed) => {
  expect(() => createXorshift(seed)).toThrow(
    'random: an xorshift64* seed must be a whole number from 1 to 2^64 − 1',
  );
});
