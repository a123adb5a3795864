import { createReference, linear, multiply, reduce, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { Lora } from './lora.ts';
import { adam } from './optimizers/rules.ts';
import { constant } from './schedules.ts';
import { train } from './train.ts';

it('changes nothing before the first step, then only what was chosen; merged equals applied, and can be undone', async () => {
  const device = createReference();
  const weights = {
    'layers.0.attention.q': seeded(device, [5, 7], 1),
    'layers.0.attention.k': seeded(device, [5, 7], 2),
    'layers.0.attention.q.bias': seeded(device, [5], 3),
  };
  const before = await weights['layers.0.attention.q'].data();
  const x = seeded(device, [3, 7], 4);
  const want = seeded(device, [3, 5], 5);
  using lora = new Lora(weights, { rank: 2, alpha: 4, seed: 1 });
  const apply = (): Tensor => linear(x, lora.weights()['layers.0.attention.q']!);
  assertClose(await apply().data(), await linear(x, weights['layers.0.attention.q']).data());
  const losses: number[] = [];
  for await (const { loss } of train({
    params: lora.params,
    loss: () => {
      const away = multiply(apply(), want);
      return reduce(away.reshape([15]), 'sum');
    },
    data: { name: 'one', epoch: 1, batch: () => 0 },
    optimizer: adam(),
    rate: constant(0.05),
    steps: 5,
    // B is zero at first, so that A has no gradient then but zeros
  }))
    losses.push(loss);
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  expect(await weights['layers.0.attention.q'].data()).toEqual(before);
  const applied = await apply().data();
  const changed = lora.weights()['layers.0.attention.q']!;
  // α / r = 2: the change is twice the product of the two
  const [A, B] = ['A', 'B'].map((which) => lora.params[`layers.0.attention.q.${which}`]!);
  const product = await linear(B!, A!, { transposed: true }).data();
  assertClose(
    await changed.data(),
    before.map((value, i) => value + 2 * product[i]!),
  );
  lora.merge();
  assertClose(await linear(x, weights['layers.0.attention.q']).data(), applied);
  lora.unmerge();
  assertClose(await weights['layers.0.attention.q'].data(), before);
});

it('refuses a rank that does not fit, and a choice of nothing', () => {
  const device = createReference();
  const weights = { 'attention.q': tensor(device, [1, 2, 3, 4, 5, 6], [2, 3]) };
  expect(() => new Lora(weights, { rank: 3 })).toThrow(
    'Lora: rank must be from 1 to the smaller side of attention.q, got 3',
  );
  expect(() => new Lora(weights, { rank: 1, on: () => false })).toThrow(
    'Lora: on must choose at least one matrix',
  );
});
