import { createReference, tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/soft-capped.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { maskModifier } from '../modifiers/define.ts';
import { softCapped } from './soft-capped.ts';

checkVariant(softCapped, { golden, options: { softcap: 1.5 } });

it('squeezes 100 to 48.2014 under a cap of 50', async () => {
  const device = createReference();
  const one = tensor(device, [10], [1, 1, 1, 1]);
  const { capped } = softCapped.attend({ q: one, k: one, v: one, extras: ['capped'] }, { scale: 1 });
  expect(((await capped!.data()) as Float32Array)[0]).toBeCloseTo(48.2014, 4);
});

it('refuses a cap of 0', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  expect(() => softCapped.check(shape, { ...softCapped.defaults, softcap: 0 })).toThrow(
    'soft-capped: softcap must be a number > 0 (without a cap it is multi-head), got 0',
  );
});

it('sees a window if it has one, and keeps no more', async () => {
  const device = createReference();
  const of = (seed: number) => seeded(device, [1, 7, 2, 4], seed);
  const [q, k, v] = [of(1), of(2), of(3)];
  const masked = {
    q,
    k,
    v,
    modifiers: [maskModifier('function (b, h, q, k) { return q - k < 3 ? 1 : 0; }')],
  };
  const windowed = softCapped.attend({ q, k, v }, { softcap: 1.5, window: 3 });
  const { out } = softCapped.attend(masked, { softcap: 1.5 });
  expect(await windowed.out.data()).toEqual(await out.data());
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  const kept = (window: number) => softCapped.kv(shape, { ...softCapped.defaults, window }, 0);
  expect([kept(Infinity).kind, kept(3).kind, kept(3).cap]).toEqual(['full', 'window', 3]);
});
