import { createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/multi-head.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { multiHead } from './multi-head.ts';

checkVariant(multiHead, { golden });

it('is the most that a layer can keep: keys and values of every head', () => {
  const shape = { E: 512, H: 8, D: 64, layers: 4 };
  const { rows, cap } = multiHead.kv(shape, multiHead.defaults, 0);
  expect({ rows, cap }).toEqual({ rows: { k: [8, 64], v: [8, 64] }, cap: Infinity });
});

it('returns weights that add up to 1, and their log-sum-exp in natural units', async () => {
  const device = createReference();
  const q = seeded(device, [1, 3, 2, 4], 1);
  const { weights, lse, raw } = multiHead.attend({ q, k: q, v: q, extras: ['weights', 'lse', 'raw'] });
  const rows = (await weights!.data()) as Float32Array;
  expect(rows.subarray(3, 6).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
  const scores = (await raw!.data()) as Float32Array;
  expect(((await lse!.data()) as Float32Array)[1]).toBeCloseTo(
    Math.log(Math.exp(scores[3]!) + Math.exp(scores[4]!)),
    5,
  );
});

it('refuses a bias of the wrong shape', () => {
  const device = createReference();
  const q = seeded(device, [1, 3, 2, 4], 1);
  const bias = seeded<'B H Lq Lk'>(device, [1, 2, 3, 4], 2);
  expect(() => multiHead.attend({ q, k: q, v: q, bias })).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: attention: axis Lk has two sizes: k says 3, bias says 4
      q     [B=1, Lq=3, H=2, D=4]
      k     [B=1, Lk=3, Hkv=2, D=4]
      v     [B=1, Lk=3, Hkv=2, Dv=4]
      bias  [1=1, H=2, Lq=3, Lk=4]]
  `);
});

it('refuses an option that it does not have, naming those it has', () => {
  const device = createReference();
  const q = seeded(device, [1, 3, 2, 4], 1);
  expect(() => multiHead.attend({ q, k: q, v: q }, { window: 3 } as object)).toThrow(
    'multi-head: window is not an option of this variant (it has causal, scale), got 3',
  );
});
