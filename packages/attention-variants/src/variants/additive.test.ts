import { createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/additive.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { additive } from './additive.ts';

checkVariant(additive, { golden });

it('has no dot products to return', () => {
  const device = createReference();
  const q = seeded(device, [1, 3, 2, 4], 1);
  const score = seeded(device, [2, 4], 2);
  expect(() => additive.attend({ q, k: q, v: q, weights: { score }, extras: ['raw'] })).toThrow(
    'additive: extras is of dot products, and this score has none; ask for scores, got "raw"',
  );
});

it('asks for its score vector', () => {
  const q = seeded(createReference(), [1, 3, 2, 4], 1);
  expect(() => additive.attend({ q, k: q, v: q })).toThrow('additive: weights["score"] must be given');
});
