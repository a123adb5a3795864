import { createReference, tensor, watch } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/native-sparse.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { weigh } from '../wiring.ts';
import { groupedQuery } from './grouped-query.ts';
import { nativeSparse } from './native-sparse.ts';
import { slidingWindow } from './sliding-window.ts';

checkVariant(nativeSparse, {
  golden,
  options: { block: 2, count: 4, over: 2, every: 1, window: 2, Hkv: 2 },
  except: {
    'a bias counts': 'a mean stands for many keys, so that a bias is refused',
    'groups = repeated heads': 'the heads of a group choose their blocks together',
    'costs what it sees': 'a mean is one pair, of all the keys that it is made of',
  },
});

/** Everything of the score form; `open` says which of the readings are let through. */
const inputs = (L: number, open?: readonly boolean[]) => {
  const device = createReference();
  const gates = Float32Array.from({ length: 12 }, (_, n) => (open?.[n % 3] ? 200 : -200));
  return {
    device,
    q: seeded<'B Lq H D'>(device, [2, L, 4, 4], 1),
    k: seeded<'B Lk Hkv D'>(device, [2, L, 2, 4], 2),
    v: seeded<'B Lk Hkv Dv'>(device, [2, L, 2, 3], 3),
    x: tensor<'B L E'>(device, new Float32Array(2 * L).fill(1), [2, L, 1]),
    weights: { gates: open ? tensor(device, gates, [12, 1]) : seeded(device, [12, 1], 4) },
  };
};
const options = { block: 4, count: 4, over: 4, every: 2, window: 3 };

it.each([
  ['as many blocks as there are', { ...options, count: 5 }],
  ['more than there are', { ...options, block: 2, count: 30 }],
] as const)('is full attention through its second gate with %s', async (_, given) => {
  const { q, k, v, ...learned } = inputs(18, [false, true, false]);
  const want = await groupedQuery.attend({ q, k, v }).out.data();
  const got = await nativeSparse.attend({ q, k, v, ...learned }, given).out.data();
  assertClose(got, want, { atol: 1e-7, rtol: 1e-7 });
});

it('is a sliding window through its third gate', async () => {
  const { q, k, v, ...learned } = inputs(18, [false, false, true]);
  const want = await slidingWindow.attend({ q, k, v }, { window: 3 }).out.data();
  const got = await nativeSparse.attend({ q, k, v, ...learned }, options).out.data();
  assertClose(got, want, { atol: 1e-7, rtol: 1e-7 });
});

it('reads the first block, its own and the one before, and the rest of its choice, alike in a group', async () => {
  const { q, k, v, ...learned } = inputs(23, [false, true, false]);
  const names: string[] = [];
  const call = { q, k, v, ...learned };
  const { out } = watch(
    ({ op }) => names.push(op.name),
    () => nativeSparse.attend(call, options),
  );
  expect(names).toContain('gather');
  const { out: hidden, weights } = nativeSparse.attend({ ...call, extras: ['weights'] }, options);
  assertClose(await out.data(), await hidden.data(), { atol: 1e-7, rtol: 1e-7 });
  const rows = await weights!.data();
  const blocksOf = (h: number, i: number): number[] => {
    const read = Array.from({ length: 23 }, (_, j) => j).filter((j) => rows[(h * 23 + i) * 23 + j] !== 0);
    expect(read.every((j) => j <= i)).toBe(true);
    return [...new Set(read.map((j) => Math.floor(j / 4)))];
  };
  expect(blocksOf(0, 3)).toEqual([0]);
  expect(blocksOf(0, 9)).toEqual([0, 1, 2]);
  for (const h of [0, 1, 2, 3]) {
    const blocks = blocksOf(h, 22);
    expect(blocks).toHaveLength(4);
    expect(blocks).toEqual(expect.arrayContaining([0, 4, 5]));
    expect(blocks).toEqual(blocksOf(h - (h % 2), 22));
  }
});

it('has weights on tokens that give its output, wherever the keys stand', async () => {
  const { device, q, k, v, x, weights: learned } = inputs(13);
  const places = Int32Array.from([0, 1, 2, -1, 3, 4, 5, 6, -1, 7, 8, 9, 10]);
  const at = {
    keyPositions: tensor<'B Lk'>(device, places, [1, 13]),
    queryPositions: tensor<'B Lq'>(device, places, [1, 13]),
  };
  for (const placed of [{}, at]) {
    const call = { q, k, v, x, weights: learned, extras: ['weights' as const], ...placed };
    const { out, weights } = nativeSparse.attend(call, options);
    assertClose(await weigh(weights!, v).data(), await out.data(), { atol: 1e-6, rtol: 1e-6 });
  }
});

it('chooses the earlier one of two blocks that weigh the same', async () => {
  const { device, q, v, x, weights: learned } = inputs(24, [false, true, false]);
  const k = tensor<'B Lk Hkv D'>(device, new Float32Array(2 * 24 * 2 * 4).fill(0.5), [2, 24, 2, 4]);
  const call = { q, k, v, x, weights: learned, extras: ['weights' as const] };
  const rows = await nativeSparse.attend(call, { ...options, over: 2 }).weights!.data();
  const read = Array.from({ length: 24 }, (_, j) => j).filter((j) => rows[23 * 24 + j] !== 0);
  expect([...new Set(read.map((j) => Math.floor(j / 4)))]).toEqual([0, 1, 4, 5]);
});

it('counts what a step reads, and the means of all runs', () => {
  const shape = { E: 64, H: 8, D: 8, layers: 1 };
  const sizes = { ...nativeSparse.defaults, block: 16, count: 4, over: 8, every: 4, window: 32, Hkv: 2 };
  const step = (Lk: number) => nativeSparse.cost(shape, sizes, { B: 1, Lq: 1, Lk, layer: 0 });
  expect(step(1024).stateReads).toBe((4 * 16 + 32) * 2 * 16 + 255 * 2 * 16);
  expect(step(2048).attentionFlops - step(1024).attentionFlops).toBe(256 * 2 * 8 * 16);
});

it.each([
  [{ count: 2 }, 'native-sparse: count must be at least 3'],
  [{ block: 3, every: 2, over: 2 }, 'native-sparse: block must be a multiple of every = 2'],
  [{ over: 3, every: 2 }, 'native-sparse: over must be a multiple of every = 2'],
  [{ window: 0 }, 'native-sparse: window must be a whole number ≥ 1'],
])('refuses %j', (given, message) => {
  const { q, k, v, x, weights } = inputs(2);
  expect(() => nativeSparse.attend({ q, k, v, x, weights }, given)).toThrow(message);
});

it('refuses what acts on single scores', () => {
  const { q, k, v, device, x, weights } = inputs(2);
  const slopes = tensor<'H'>(device, [1, 1, 1, 1], [4]);
  expect(() => nativeSparse.attend({ q, k, v, x, weights, slopes })).toThrow('slopes has no meaning here');
  expect(() => nativeSparse.attend({ q, k, v, x, weights, extras: ['lse'] })).toThrow('this is three');
});
