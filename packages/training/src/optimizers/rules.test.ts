import { createDevice, createReference, tensor } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/optimizers.json' with { type: 'json' };
import type { Params } from '../params.ts';
import { hash, hashAt } from '../random.ts';
import type { Optimizer } from './contract.ts';
import { adam, adamW, clipByGlobalNorm, decayWeights, lion, optimizer, scaleByAdam, sgd } from './rules.ts';
import { OptimizerState } from './state.ts';

const made: Readonly<Record<string, Optimizer>> = {
  sgd: sgd(),
  momentum: sgd({ momentum: 0.9 }),
  adam: adam(),
  'adam, other numbers': adam({ beta1: 0.8, beta2: 0.95, eps: 1e-5 }),
  adamw: adamW({ decay: 0.1 }),
};
const rates: Readonly<Record<string, number>> = { sgd: 0.1, momentum: 0.1 };

function numbers(size: number, key: number, bound: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => bound * ((2 * hashAt(key, i)) / 2 ** 32 - 1));
}

describe.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', (name) => {
  it.each(golden.cases)('$name, clipped at $clip: five steps of PyTorch', async (each) => {
    const device = await createDevice(name);
    const shapes = Object.entries(golden.shapes);
    const filled = (shape: readonly number[], key: number, bound: number) => {
      const size = shape.reduce((product, axis) => product * axis, 1);
      return tensor(device, numbers(size, key, bound), shape);
    };
    const params = Object.fromEntries(shapes.map(([at, shape], i) => [at, filled(shape, hash(1, i), 1)]));
    const { rules } = made[each.name]!;
    const all = each.clip === null ? rules : [clipByGlobalNorm(each.clip), ...rules];
    using state = new OptimizerState(optimizer(each.name, ...all), params);
    const { buffers } = device.memory;
    for (const [i, want] of each.after.entries()) {
      const step = i + 1;
      const gradients = Object.fromEntries(
        shapes.map(([at, shape], j) => [at, filled(shape, hash(2, step, j), 1 / step)]),
      );
      state.apply(gradients, rates[each.name] ?? 0.02);
      for (const gradient of Object.values(gradients)) gradient.dispose();
      for (const [j, [at]] of shapes.entries())
        assertClose(await params[at]!.data(), want[j]!, { atol: 2e-6, rtol: 2e-6 });
    }
    expect(device.memory.buffers).toBe(buffers);
  });
});

it('Lion moves by the sign of its momentum, and keeps another', async () => {
  const device = createReference();
  const p = tensor(device, [1, 1, 1], [3]);
  using state = new OptimizerState(lion({ beta1: 0.5, beta2: 0.75 }), { p });
  state.apply({ p: tensor(device, [2, -1, 0], [3]) }, 0.25);
  expect([...(await p.data())]).toEqual([0.75, 1.25, 1]);
  expect([...(await state.tensors['0.m.p']!.data())]).toEqual([0.5, -0.25, 0]);
  // 0.5 · 0.5 − 0.5 · 0.75 < 0: the momentum is outvoted
  state.apply({ p: tensor(device, [-0.75, -1, 0], [3]) }, 0.25);
  expect([...(await p.data())]).toEqual([1, 1.5, 1]);
});

it('clips by a norm that is known already, as long as no rule has touched the gradients', async () => {
  const device = createReference();
  const norm = tensor(device, [10], []);
  const moved = async (...rules: Parameters<typeof optimizer>[1][]): Promise<number[]> => {
    const p = tensor(device, [0, 0], [2]);
    using state = new OptimizerState(optimizer('clipped', ...rules), { p });
    state.apply({ p: tensor(device, [3, 4], [2]) }, 1, norm);
    return [...(await p.data())];
  };
  const [plain] = sgd().rules;
  const halved = {
    ...plain!,
    name: 'half',
    apply: ({ updates }: { updates: Params }) => ({ updates: { ...updates } }),
  };
  expect(await moved(clipByGlobalNorm(1))).toEqual([-0.3, -0.4].map(Math.fround));
  expect(await moved(plain!, clipByGlobalNorm(1))).toEqual([-0.3, -0.4].map(Math.fround));
  expect(await moved(halved, clipByGlobalNorm(1))).toEqual([-0.6, -0.8].map(Math.fround));
});

it('refuses numbers out of range by name', () => {
  expect(() => adam({ beta1: 1 })).toThrow('adam: beta1 must be from 0 to below 1, got 1');
  expect(() => adam({ eps: 0 })).toThrow('adam: eps must be a number > 0, got 0');
  expect(() => sgd({ momentum: -1 })).toThrow('sgd: momentum must be from 0 to below 1, got -1');
  expect(() => clipByGlobalNorm(0)).toThrow('clipByGlobalNorm: most must be a finite number > 0, got 0');
  expect(() => decayWeights(Number.NaN)).toThrow('decayWeights: decay must be a number ≥ 0, got NaN');
  expect(() => lion({ beta2: 2 })).toThrow('lion: beta2 must be from 0 to below 1, got 2');
  expect(() => optimizer('none')).toThrow('optimizer: rules must be at least one');
  expect(scaleByAdam().keeps).toEqual(['m', 'v']);
});
