import { createReference, tensor } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { it } from 'vitest';
import golden from '../../golden/multiplicative.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { multiHead } from './multi-head.ts';
import { multiplicative } from './multiplicative.ts';

checkVariant(multiplicative, { golden });

it('with the identity over √D is scaled dot-product attention', async () => {
  const device = createReference();
  const q = seeded(device, [1, 5, 2, 4], 1);
  const k = seeded(device, [1, 5, 2, 4], 2);
  const identity = Float32Array.from({ length: 32 }, (_, i) => (Math.floor(i / 4) % 4 === i % 4 ? 0.5 : 0));
  const w = tensor(device, identity, [2, 4, 4]);
  const { out } = multiplicative.attend({ q, k, v: k, weights: { w } });
  assertClose(await out.data(), await multiHead.attend({ q, k, v: k }).out.data(), { atol: 1e-6 });
});
