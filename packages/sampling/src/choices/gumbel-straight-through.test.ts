import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { type Choice, chain, createSampler } from '../index.ts';
import { normalRow } from '../testing/tools.ts';
import { type GumbelSoftmaxOptions, gumbelSoftmax, type RelaxedDraw } from './gumbel-softmax.ts';
import { gumbelStraightThrough } from './gumbel-straight-through.ts';

checkSampler(() => gumbelStraightThrough({ temperature: 0.7 }));

it('sends one-hot forward and the gradient of the soft sample back', () => {
  const row = normalRow(4, 12);
  const drawWith = (make: (options: GumbelSoftmaxOptions) => Choice) => {
    let drawn: RelaxedDraw | undefined;
    createSampler(chain(make({ temperature: 0.6, onSample: (sample) => (drawn = sample) })), {
      seed: 9,
    }).sample(row);
    return drawn!;
  };
  const soft = drawWith(gumbelSoftmax);
  const hard = drawWith(gumbelStraightThrough);
  expect(hard.id).toBe(soft.id);
  expect([...hard.sample]).toEqual(Array.from(hard.ids, (id) => (id === hard.id ? 1 : 0)));
  const gradient = Array.from({ length: 12 }, (_, i) => i);
  expect(hard.backward(gradient)).toEqual(soft.backward(gradient));
});
