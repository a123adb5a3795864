import { createReference, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import golden from '../../golden/soft-capped.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
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
