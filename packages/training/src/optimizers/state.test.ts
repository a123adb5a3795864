import { add, createReference, type Tensor, tensor, watch } from '@headwise/tensor';
import { expect, it } from 'vitest';
import type { Rule } from './contract.ts';
import { optimizer, sgd } from './rules.ts';
import { OptimizerState } from './state.ts';

const device = createReference();
const numbers = async (x: Tensor): Promise<number[]> => [...(await x.data())];
const one = (value: number): Tensor => tensor(device, [value, value], [2]);

/** Makes two steps with gradients 1 and 2 at rate 1, and frees each gradient. */
async function twoSteps(rule: Rule) {
  const p = one(10);
  const state = new OptimizerState(optimizer('test', rule), { p });
  for (const value of [1, 2]) {
    const gradient = one(value);
    state.apply({ p: gradient }, 1);
    gradient.dispose();
  }
  const kept = await Promise.all(Object.values(state.tensors).map(numbers));
  const found = { p: await numbers(p), kept };
  state.dispose();
  p.dispose();
  return found;
}

it.each([true, false])(
  'keeps copies of what others change: parameters and gradients; alone %s',
  async (alone) => {
    const before = device.memory.buffers;
    const ofParams: Rule = {
      name: 'before',
      keeps: ['p', 'g'],
      alone,
      apply: ({ updates, params }) => ({
        updates,
        kept: { p: params, g: { p: updates.p!.reshape([2, 1]) } },
      }),
    };
    expect(await twoSteps(ofParams)).toEqual({
      p: [7, 7],
      kept: [
        [9, 9],
        [2, 2],
      ],
    });
    expect(device.memory.buffers).toBe(before);
  },
);

it('keeps one tensor under two names, and one that the rule goes on using', async () => {
  const own = one(5);
  const before = device.memory.buffers;
  const twice: Rule = {
    name: 'twice',
    keeps: ['a', 'b', 'c'],
    apply({ updates, kept }) {
      const sum = { p: add(updates.p!, kept.a!.p!) };
      return { updates: sum, kept: { a: sum, b: sum, c: { p: own } } };
    },
  };
  expect(await twoSteps(twice)).toEqual({
    p: [6, 6],
    kept: [
      [3, 3],
      [3, 3],
      [5, 5],
    ],
  });
  expect(await numbers(own)).toEqual([5, 5]);
  expect(device.memory.buffers).toBe(before);
  own.dispose();
});

it('hands on what it kept under another name', async () => {
  const last: Rule = {
    name: 'last two',
    keeps: ['first', 'second'],
    apply: ({ updates, kept }) => ({
      updates,
      kept: { second: kept.first!, first: { p: add(updates.p!, updates.p!) } },
    }),
  };
  expect(await twoSteps(last)).toMatchObject({
    kept: [
      [4, 4],
      [2, 2],
    ],
  });
});

it('writes in place to the parameter alone', () => {
  const [p, gradient] = [one(1), one(1)];
  const state = new OptimizerState(sgd({ momentum: 0.9 }), { p });
  let stores = 0;
  watch(
    ({ op }) => {
      if (op.stores !== undefined) stores++;
    },
    () => state.apply({ p: gradient }, 1),
  );
  expect(stores).toBe(1);
  for (const each of [state, p, gradient]) each.dispose();
});
