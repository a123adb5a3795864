import { createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/learned-sinks.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { learnedSinks } from './learned-sinks.ts';

checkVariant(learnedSinks, { golden });

it('gives weights that add up to less than 1: the rest is the sink', async () => {
  const device = createReference();
  const q = seeded(device, [1, 4, 2, 4], 1);
  const sinks = seeded(device, [2], 3);
  const { weights } = learnedSinks.attend({ q, k: q, v: q, weights: { sinks }, extras: ['weights'] });
  const rows = (await weights!.data()) as Float32Array;
  for (let row = 0; row < 8; row++) {
    const sum = rows.subarray(row * 4, row * 4 + 4).reduce((total, weight) => total + weight, 0);
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(1);
  }
});

it('asks for its logits', () => {
  const q = seeded(createReference(), [1, 4, 2, 4], 1);
  expect(() => learnedSinks.attend({ q, k: q, v: q })).toThrow(
    'learned-sinks: weights["sinks"] must be given: this variant\'s score learns sinks, got undefined',
  );
});

it('keeps a window only if it has one', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  const kind = (window: number) => learnedSinks.kv(shape, { ...learnedSinks.defaults, window }, 0).kind;
  expect([kind(Infinity), kind(128)]).toEqual(['full', 'window']);
});
