import { createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/differential.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { differential } from './differential.ts';

checkVariant(differential, { golden, keys: [4, 4], values: [2, 8] });

it('keeps and projects as much as multi-head attention', () => {
  const shape = { E: 512, H: 8, D: 64, layers: 4 };
  const { rows } = differential.kv(shape, differential.defaults, 0);
  expect(rows).toEqual({ k1: [4, 64], k2: [4, 64], v: [4, 128] });
  const { q, k, v, o } = differential.parameters(shape, differential.defaults, 0);
  expect([q, k, v, o]).toEqual(Array(4).fill([512, 512]));
});

it('refuses heads that do not pair up, and extras that a difference does not have', () => {
  const shape = { E: 8, H: 3, D: 4, layers: 1 };
  expect(() => differential.check(shape, differential.defaults)).toThrow(
    'differential: Hkv must be a multiple of the 2 maps of a head, got 3',
  );
  const device = createReference();
  const q = seeded(device, [1, 3, 2, 4], 1);
  const v = seeded(device, [1, 3, 1, 8], 2);
  const vector = seeded(device, [4], 3);
  const weights = {
    lambdaQ1: vector,
    lambdaK1: vector,
    lambdaQ2: vector,
    lambdaK2: vector,
    norm: seeded(device, [8], 4),
  };
  expect(() => differential.attend({ q, k: q, v, weights, extras: ['lse'] })).toThrow(
    'differential: extras has no meaning for a difference of two maps; ask for weights, got "lse"',
  );
});
