import { createReference, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { Probe } from './conformance/probe.ts';
import { poolHeads, shareLayers, splitLatentUp } from './convert.ts';
import { producers } from './variants/cross-layer-patterns.ts';
import { groupedQuery } from './variants/grouped-query.ts';
import { multiHead } from './variants/multi-head.ts';

const f32 = (...values: number[]): Float32Array => Float32Array.from(values);

it('takes the mean of the heads of each group', () => {
  // 4 heads of width 1 over E = 2, with a bias
  const weights = {
    q: f32(1, 2, 3, 4, 5, 6, 7, 8),
    k: f32(1, 10, 3, 30, 5, 50, 9, 90),
    'k.bias': f32(0, 2, 4, 8),
    v: f32(2, 0, 4, 0, 0, 2, 0, 4),
    o: f32(1, 1, 1, 1),
  };
  const pooled = poolHeads(weights, { H: 4, D: 1 }, { Hkv: 2 });
  expect(pooled).toEqual({
    q: weights.q,
    k: f32(2, 20, 7, 70),
    'k.bias': f32(1, 6),
    v: f32(3, 0, 0, 3),
    o: weights.o,
  });
  expect(poolHeads(pooled, { H: 4, D: 1 }, { from: 2, Hkv: 1 }).k).toEqual(f32(4.5, 45));
});

it('changes no output when the heads of a group were equal', async () => {
  const device = createReference();
  const shape = { E: 6, H: 4, D: 3, layers: 1 };
  const head = seededValues(2 * 3 * 6, 1);
  const doubled = Float32Array.from({ length: 72 }, (_, i) => head[Math.floor(i / 36) * 18 + (i % 18)]!);
  const weights = { q: seededValues(72, 2), k: doubled, v: doubled, o: seededValues(72, 3) };
  const pooled = poolHeads(weights, shape, { Hkv: 2 });
  expect(pooled.k).toEqual(head);

  const probe = new Probe(device, multiHead, { shape });
  const x = probe.hidden(0);
  const attend = (k: Float32Array, Hkv: number): Promise<unknown> => {
    const project = (weight: Float32Array, heads: number): Tensor => {
      const y = new Float32Array(2 * 9 * heads * 3);
      for (let row = 0; row < 18; row++)
        for (let o = 0; o < heads * 3; o++)
          for (let e = 0; e < 6; e++) y[row * heads * 3 + o]! += x.data[row * 6 + e]! * weight[o * 6 + e]!;
      return tensor(device, y, [2, 9, heads, 3]);
    };
    const kv = project(k, Hkv);
    return groupedQuery.attend({ q: project(weights.q, 4), k: kv, v: kv }).out.data();
  };
  assertClose((await attend(pooled.k!, 2)) as Float32Array, (await attend(doubled, 4)) as Float32Array, {
    atol: 1e-6,
  });
});

it('refuses heads that do not divide, and weights of another size', () => {
  const weights = { k: f32(1, 2, 3), v: f32(1, 2, 3) };
  expect(() => poolHeads(weights, { H: 4, D: 1 }, { Hkv: 3 })).toThrow(
    'poolHeads: H = 4 query heads cannot be split into Hkv = 3 groups',
  );
  expect(() => poolHeads(weights, { H: 4, D: 1 }, { Hkv: 2 })).toThrow(
    'poolHeads: k is not 4 heads of 1 rows',
  );
});

it('lays layers out for sharing: consumers lose keys and values', () => {
  const layers = [1, 2, 3, 4].map((n) => ({
    q: f32(n),
    k: f32(n),
    v: f32(10 * n),
    'v.bias': f32(n),
    o: f32(n),
  }));
  const table = producers('uniform', 4, 2);
  const shared = shareLayers(layers, table);
  expect(shared.map((weights) => Object.keys(weights))).toEqual([
    ['q', 'k', 'v', 'v.bias', 'o'],
    ['q', 'o'],
    ['q', 'k', 'v', 'v.bias', 'o'],
    ['q', 'o'],
  ]);
  expect(shared[2]!.k).toEqual(f32(3));
  const mean = shareLayers(layers, table, { pool: 'mean' });
  expect([mean[0]!.k, mean[0]!.v, mean[2]!.k]).toEqual([f32(1.5), f32(15), f32(3.5)]);
  expect(layers[0]!.k).toEqual(f32(1));
  expect(() => shareLayers(layers, [0, 0])).toThrow(
    'shareLayers: table must name the producer of each of the 4 layers, got [0, 0]',
  );
});

it('splits the up-projection of DeepSeek by head', () => {
  // 2 heads, D = 1, Dv = 2, latent 1: rows k0 v0 v0' k1 v1 v1'
  const { kUp, vUp } = splitLatentUp(f32(1, 2, 3, 4, 5, 6), { H: 2, D: 1, Dv: 2, latent: 1 });
  expect([kUp, vUp]).toEqual([f32(1, 4), f32(2, 3, 5, 6)]);
  expect(() => splitLatentUp(f32(1), { H: 2, D: 1, latent: 1 })).toThrow(
    'splitLatentUp: weight is not [2 · (1 + 1), 1]',
  );
});
