import { expect, it } from 'vitest';
import { fresh, giveBack, Spares } from './fresh.ts';

const LARGE = 2 ** 20;

it('frees large memory that was read for one reader, and no other', () => {
  const own = fresh(new Uint8Array(LARGE));
  giveBack(new Float32Array(own.buffer));
  expect(own.byteLength).toBe(0);
  giveBack(own);
  const part = new Uint8Array(2 * LARGE).subarray(LARGE);
  for (const other of [new Uint8Array(LARGE), fresh(new Uint8Array(10)), fresh(part)]) {
    const { byteLength } = other;
    giveBack(other);
    expect(other.byteLength).toBe(byteLength);
  }
});

it('uses memory again for what is as long, and holds only a little', () => {
  const spares = new Spares();
  const first = spares.lend(spares.get(LARGE));
  giveBack(first);
  expect(spares.get(LARGE + 1).buffer).not.toBe(first.buffer);
  expect(spares.get(LARGE).buffer).toBe(first.buffer);
  expect(spares.get(LARGE).buffer).not.toBe(first.buffer);
  const many = Array.from({ length: 6 }, () => spares.lend(spares.get(LARGE)));
  for (const bytes of many) giveBack(bytes);
  expect(many.map(({ byteLength }) => byteLength)).toEqual([0, 0, LARGE, LARGE, LARGE, LARGE]);
  const huge = spares.lend(spares.get(2 ** 25));
  giveBack(huge);
  expect(huge.byteLength).toBe(0);
  spares.clear();
  expect(many.every(({ byteLength }) => byteLength === 0)).toBe(true);
});
