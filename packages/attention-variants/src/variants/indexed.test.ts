import { createReference, watch } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/indexed.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { indexed } from './indexed.ts';
import { multiHead } from './multi-head.ts';

checkVariant(indexed, {
  golden,
  options: { count: 4, heads: 2, width: 3, Hkv: 2 },
  except: { 'a bias counts': 'a token under a bias of −∞ may still be chosen, one that is not there is not' },
});

const learned = (L: number) => {
  const device = createReference();
  return {
    device,
    x: seeded<'B L E'>(device, [2, L, 5], 10),
    weights: {
      indexQuery: seeded(device, [6, 5], 11),
      indexKey: seeded(device, [3, 5], 12),
      indexWeight: seeded(device, [2, 5], 13),
    },
  };
};

it('is full attention where the count covers everything, or there is nothing to index', async () => {
  const { device, x, weights } = learned(9);
  const q = seeded(device, [2, 9, 2, 4], 1);
  const want = await multiHead.attend({ q, k: q, v: q }).out.data();
  for (const given of [{ x, weights }, { weights }]) {
    const { out } = indexed.attend({ q, k: q, v: q, ...given }, { count: 9, heads: 2, width: 3 });
    assertClose(await out.data(), want, { atol: 1e-7, rtol: 1e-7 });
  }
});

it('reads what it has chosen, and gives the same as reading everything and hiding the rest', async () => {
  const { device, x, weights } = learned(11);
  const q = seeded(device, [2, 11, 4, 4], 1);
  const k = seeded(device, [2, 11, 2, 4], 2);
  const call = { q, k, v: k, x, weights };
  const options = { count: 3, heads: 2, width: 3 };
  const names: string[] = [];
  const { out } = watch(
    ({ op }) => names.push(op.name),
    () => indexed.attend(call, options),
  );
  expect(names).toContain('gather');
  const { out: hidden, weights: seen } = indexed.attend({ ...call, extras: ['weights'] }, options);
  assertClose(await out.data(), await hidden.data(), { atol: 1e-7, rtol: 1e-7 });
  const rows = await seen!.data();
  // [B, H, Lq, Lk]: all heads of a query have chosen alike, min(i + 1, 3) keys
  const chosen = (h: number, i: number): number[] =>
    Array.from({ length: 11 }, (_, j) => j).filter((j) => rows[(h * 11 + i) * 11 + j] !== 0);
  for (let i = 0; i < 11; i++) {
    expect(chosen(0, i)).toHaveLength(Math.min(i + 1, 3));
    expect(chosen(3, i)).toEqual(chosen(0, i));
  }
  // bit for bit the newest keys would be a window
  expect(chosen(0, 10)).not.toEqual([8, 9, 10]);
});

it('counts what a step reads, not what there is', () => {
  const shape = { E: 64, H: 8, D: 8, layers: 1 };
  const options = { ...indexed.defaults, count: 16 };
  const step = (Lk: number) => indexed.cost(shape, options, { B: 1, Lq: 1, Lk, layer: 0 });
  expect(step(4096).attentionFlops).toBe(step(64).attentionFlops);
  expect(step(4096).stateReads - step(64).stateReads).toBe((4096 - 64) * 32);
  expect(step(64).stateReads).toBe(16 * 8 * 16 + 64 * 32);
});

it('refuses counts that are none', () => {
  const { device, x, weights } = learned(2);
  const q = seeded(device, [2, 2, 2, 4], 1);
  expect(() => indexed.attend({ q, k: q, v: q, x, weights }, { count: 0 })).toThrow(
    'indexed: count must be a whole number ≥ 1',
  );
});
