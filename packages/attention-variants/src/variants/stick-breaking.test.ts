import { createReference, tensor } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/stick-breaking.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { stickBreaking } from './stick-breaking.ts';

checkVariant(stickBreaking, { golden, options: { Hkv: 2 } });

it('breaks one stick a query: a key takes its share of what newer keys have left', async () => {
  const device = createReference();
  const q = seeded(device, [1, 5, 2, 3], 1);
  const { weights } = stickBreaking.attend({ q, k: q, v: q, extras: ['weights'] });
  const [rows, numbers] = [await weights!.data(), await q.data()];
  const share = (h: number, i: number, j: number): number => {
    let dot = 0;
    for (let d = 0; d < 3; d++) dot += numbers[(i * 2 + h) * 3 + d]! * numbers[(j * 2 + h) * 3 + d]!;
    return 1 / (1 + Math.exp(-dot / Math.sqrt(3)));
  };
  for (let h = 0; h < 2; h++) {
    for (let i = 0; i < 5; i++) {
      let left = 1;
      for (let j = i; j >= 0; j--) {
        const taken = left * share(h, i, j);
        expect(rows[(h * 5 + i) * 5 + j]).toBeCloseTo(taken, 6);
        left -= taken;
      }
      expect(left).toBeGreaterThan(0);
    }
  }
});

it('without the current token, the first one reads nothing', async () => {
  const device = createReference();
  const q = seeded(device, [1, 4, 1, 3], 1);
  const out = await stickBreaking.attend({ q, k: q, v: q }, { current: false }).out.data();
  expect([...out.subarray(0, 3)]).toEqual([0, 0, 0]);
  expect([...out.subarray(3, 6)].some((value) => value !== 0)).toBe(true);
});

it('takes slopes as the bias that they are', async () => {
  const device = createReference();
  const q = seeded(device, [1, 5, 2, 3], 1);
  const slopes = seeded<'H'>(device, [2], 2);
  const [s0, s1] = await slopes.data();
  const bias = Float32Array.from({ length: 50 }, (_, n) => {
    const [h, i, j] = [Math.floor(n / 25), Math.floor(n / 5) % 5, n % 5];
    return -(h === 0 ? s0! : s1!) * Math.abs(i - j);
  });
  const want = stickBreaking.attend({ q, k: q, v: q, bias: tensor<'B H Lq Lk'>(device, bias, [1, 2, 5, 5]) });
  const got = stickBreaking.attend({ q, k: q, v: q, slopes });
  assertClose(await got.out.data(), await want.out.data(), { atol: 1e-7, rtol: 1e-6 });
});

it('refuses what belongs to a softmax', () => {
  const q = seeded(createReference(), [1, 2, 1, 3], 1);
  expect(() => stickBreaking.attend({ q, k: q, v: q, extras: ['lse'] })).toThrow(
    'stick-breaking: extras belongs to a softmax; ask for weights, got "lse"',
  );
  const modifiers = [{ kind: 'score', source: 'function (s) { return s; }' } as const];
  expect(() => stickBreaking.attend({ q, k: q, v: q, modifiers: modifiers as never })).toThrow(
    'stick-breaking: modifiers act on the scores of a softmax: use a bias, got "one"',
  );
});
