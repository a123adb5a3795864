import { createReference, tensor, watch } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/mixture-of-blocks.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { groupedQuery } from './grouped-query.ts';
import { mixtureOfBlocks } from './mixture-of-blocks.ts';

checkVariant(mixtureOfBlocks, {
  golden,
  options: { block: 2, count: 3, Hkv: 2 },
  except: {
    'a bias counts': 'a key under a bias of −∞ still has a say in the mean of its block',
    'costs what it sees': 'a key that is not read has a say in the choice',
  },
});

const inputs = (L: number) => {
  const device = createReference();
  return {
    device,
    q: seeded<'B Lq H D'>(device, [2, L, 4, 4], 1),
    k: seeded<'B Lk Hkv D'>(device, [2, L, 2, 4], 2),
    v: seeded<'B Lk Hkv Dv'>(device, [2, L, 2, 3], 3),
  };
};

it.each([
  ['as many blocks as there are', { block: 3, count: 4 }],
  ['one block for all', { block: 16, count: 1 }],
  ['more than there are', { block: 2, count: 99 }],
  ['blocks of one token', { block: 1, count: 11 }],
] as const)('is full attention with %s', async (_, options) => {
  const { q, k, v } = inputs(11);
  const want = await groupedQuery.attend({ q, k, v }).out.data();
  const got = await mixtureOfBlocks.attend({ q, k, v }, options).out.data();
  assertClose(got, want, { atol: 1e-7, rtol: 1e-7 });
});

/** Slots with a weight, of one head and query of the first sequence. */
async function readSlots(weights: { data(): Promise<ArrayLike<number>> }, L: number, h: number, i: number) {
  const rows = await weights.data();
  return Array.from({ length: L }, (_, j) => j).filter((j) => rows[(h * L + i) * L + j] !== 0);
}

it('reads whole blocks of its choice beside its own, each head for itself', async () => {
  const { q, k, v } = inputs(13);
  const names: string[] = [];
  const options = { block: 3, count: 2 };
  const { out } = watch(
    ({ op }) => names.push(op.name),
    () => mixtureOfBlocks.attend({ q, k, v }, options),
  );
  expect(names).toContain('gather');
  const { out: hidden, weights } = mixtureOfBlocks.attend({ q, k, v, extras: ['weights'] }, options);
  assertClose(await out.data(), await hidden.data(), { atol: 1e-7, rtol: 1e-7 });
  const choices = new Set<string>();
  for (let h = 0; h < 4; h++) {
    for (let i = 0; i < 13; i++) {
      const read = await readSlots(weights!, 13, h, i);
      const own = read.filter((j) => j >= i - (i % 3));
      expect(own).toEqual(Array.from({ length: (i % 3) + 1 }, (_, n) => i - (i % 3) + n));
      const rest = read.filter((j) => j < i - (i % 3));
      expect(rest).toHaveLength(i < 3 ? 0 : 3);
      if (i < 3) continue;
      expect(rest[0]! % 3).toBe(0);
      expect(rest).toEqual([rest[0]!, rest[0]! + 1, rest[0]! + 2]);
      if (i === 12) choices.add(String(rest));
    }
  }
  expect(choices.size).toBeGreaterThan(1);
});

it('reads the earlier one of two blocks that are equally good', async () => {
  const { device, q, v } = inputs(9);
  const k = tensor<'B Lk Hkv D'>(device, new Float32Array(2 * 9 * 2 * 4).fill(0.5), [2, 9, 2, 4]);
  const { weights } = mixtureOfBlocks.attend({ q, k, v, extras: ['weights'] }, { block: 2, count: 2 });
  for (let h = 0; h < 4; h++) expect(await readSlots(weights!, 9, h, 8)).toEqual([0, 1, 8]);
});

it('counts what a step reads, and the means of all blocks', () => {
  const shape = { E: 64, H: 8, D: 8, layers: 1 };
  const options = { ...mixtureOfBlocks.defaults, block: 16, count: 3, Hkv: 2 };
  const step = (Lk: number) => mixtureOfBlocks.cost(shape, options, { B: 1, Lq: 1, Lk, layer: 0 });
  // position 4095 and 1023 alike end a block
  expect(step(4096).attentionFlops).toBe(step(1024).attentionFlops);
  expect(step(4096).stateReads - step(1024).stateReads).toBe(((4096 - 1024) / 16) * 2 * 8);
  // four heads of a group choose two blocks each, beside the one they stand in
  expect(step(1024).stateReads).toBe(16 * (4 * 2 + 1) * 2 * 16 + 64 * 2 * 8);
  expect(step(4096).flops - step(1024).flops).toBe(2 * 8 * 8 * (255 - 63));
});

it('refuses sizes that are none, and documents', () => {
  const { device, q, k, v } = inputs(2);
  expect(() => mixtureOfBlocks.attend({ q, k, v }, { block: 0 })).toThrow(
    'mixture-of-blocks: block must be a whole number ≥ 1',
  );
  const keyUntil = tensor<'B Lk'>(device, Int32Array.of(1, 1), [1, 2]);
  expect(() => mixtureOfBlocks.attend({ q, k, v, keyUntil })).toThrow('keyUntil must be left out');
});
