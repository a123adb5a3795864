import { describe, expect, it } from 'vitest';
import { createDevice } from '../device/devices.ts';
import { createReference } from '../device/reference.ts';
import { defineOp, run, watch } from '../op.ts';
import { attention } from '../ops/attention.ts';
import { add, gelu, multiply } from '../ops/elementwise.ts';
import { linear } from '../ops/linear.ts';
import { argmax } from '../ops/rank.ts';
import { reduce } from '../ops/reduce.ts';
import { storeRows } from '../ops/store-rows.ts';
import { unary } from '../ops/unary.ts';
import { scope } from '../scope.ts';
import { createThrough } from '../states/through.ts';
import { type Tensor, tensor, zeros } from '../tensor.ts';
import { seeded } from '../testing/seeded.ts';
import { checkpoint } from './checkpoint.ts';
import { grad, stopGradient, valueAndGrad } from './grad.ts';

const device = createReference();
const sum = (x: Tensor): Tensor => reduce(x.reshape([x.size]), 'sum');
const square = (x: Tensor): Tensor => multiply(x, x);
const numbers = async (x: Tensor): Promise<number[]> => [...(await x.data())];

describe('valueAndGrad', () => {
  it('returns the value, and gradients in the tree of the parameters', async () => {
    const params = {
      layers: [{ w: tensor(device, [1, 2, 3, 4], [2, 2]) }, { w: tensor(device, [5, 6], [1, 2]) }],
      bias: undefined,
      shift: tensor(device, [0.5], [1]),
    };
    const x = tensor(device, [1, 1], [2]);
    const { value, grads, unused } = valueAndGrad((p: typeof params, input: Tensor) => {
      const hidden = linear(input, p.layers[0]!.w);
      return sum(linear(hidden, p.layers[1]!.w, { bias: p.shift }));
    })(params, x);
    expect(await numbers(value)).toEqual([5 * 3 + 6 * 7 + 0.5]);
    expect(await numbers(grads.layers[0]!.w)).toEqual([5, 5, 6, 6]);
    expect(await numbers(grads.layers[1]!.w)).toEqual([3, 7]);
    expect(await numbers(grads.shift)).toEqual([1]);
    expect(grads.bias).toBeUndefined();
    expect(unused).toEqual([]);
  });

  it('names the parameters that the loss does not depend on, and gives them zeros', async () => {
    const params = {
      used: seeded(device, [2], 1),
      idle: { b: seeded(device, [3], 2) },
      ids: seeded(device, [2], 3),
    };
    const { grads, unused } = valueAndGrad((p: typeof params) => {
      void argmax(p.ids);
      return sum(square(p.used));
    })(params);
    expect(unused).toEqual(['idle.b', 'ids']);
    expect(await numbers(grads.idle.b)).toEqual([0, 0, 0]);
  });

  it('hands back what else the function returns', async () => {
    const w = tensor(device, [3], [1]);
    const { value } = valueAndGrad((p: Tensor) => ({ loss: sum(square(p)), doubled: add(p, p) }))(w);
    expect(await numbers(value.loss)).toEqual([9]);
    expect(await numbers(value.doubled)).toEqual([6]);
  });

  it('adds up what comes back along several ways', async () => {
    const w = tensor(device, [2, -3], [2]);
    // d/dw of w·w + 3w + w·w·w
    const g = grad((p: Tensor) => sum(add(add(square(p), p, { scale: 3 }), multiply(square(p), p))))(w);
    expect(await numbers(g)).toEqual([4 + 3 + 12, -6 + 3 + 27]);
  });

  it('differentiates gradients', async () => {
    const w = tensor(device, [2, -3], [2]);
    const slope = grad((p: Tensor) => sum(multiply(square(p), p))); // 3w²
    const bend = grad((p: Tensor) => sum(slope(p))); // 6w
    expect(await numbers(bend(w))).toEqual([12, -18]);
  });

  it('runs the operations of the way forward once, and none of the tape when nothing depends on a parameter', () => {
    const w = seeded(device, [3, 3], 1);
    const x = seeded(device, [2, 3], 2);
    const names: string[] = [];
    watch(
      ({ op }) => names.push(op.name),
      () => valueAndGrad((p: Tensor, input: Tensor) => sum(add(linear(input, p), gelu(input))))(w, x),
    );
    expect(names.filter((name) => name === 'gelu')).toHaveLength(1);
    expect(names).not.toContain('activationGradient');
    const plain: string[] = [];
    watch(
      ({ op }) => plain.push(op.name),
      () => sum(linear(x, w)),
    );
    expect(plain).toEqual(['linear', 'reshape', 'reduce']);
  });

  it('keeps what its rules read without an operation, where no other tape is to see it', () => {
    const w = seeded(device, [3, 3], 1);
    const forward: string[] = [];
    const backward: string[] = [];
    let names = forward;
    watch(
      ({ op }) => names.push(op.name),
      () =>
        valueAndGrad((p: Tensor) => {
          const total = reduce(unary(p, 'tanh').reshape([9]), 'sum');
          names = backward;
          return total;
        })(w),
    );
    expect(forward).toEqual(['unary', 'reshape', 'reduce']);
    expect(backward.length).toBeGreaterThan(0);
  });

  it('refuses by name what is no parameter, a tensor twice, and a loss that is no number', () => {
    const w = seeded(device, [2], 1);
    const f = valueAndGrad((_: unknown) => sum(w));
    expect(() => f({ a: [1] })).toThrow('valueAndGrad: params.a.0 must be a tensor');
    expect(() => f({ a: tensor(device, Int32Array.of(1), [1]) })).toThrow('params.a must be f32');
    expect(() => f({ a: w, b: [w] })).toThrow('params.b.0 must not be the same tensor as params.a');
    expect(() => grad((p: Tensor) => square(p))(w)).toThrow('the loss must be a single number');
    expect(() => grad(() => 3 as never)(w)).toThrow('fn must return the loss');
  });

  it('refuses a change in place that a gradient depends on, and says what to do', () => {
    const w = seeded(device, [1, 2, 3], 1);
    const cache = zeros(device, [1, 4, 3]);
    const slots = tensor(device, Int32Array.of(0, 1), [1, 2]);
    const cure = 'train with states of createThrough';
    const changing = (change: (p: Tensor) => void) => () =>
      grad((p: Tensor) => {
        change(p);
        return sum(p);
      })(w);
    expect(changing((p) => cache.write(0, p))).toThrow(cure);
    expect(changing((p) => storeRows(cache, square(p), slots))).toThrow(
      /storeRows: rows must not depend on a parameter.*createThrough/,
    );
    const x = seeded(device, [1, 2, 3], 2);
    const spoil = (p: Tensor): Tensor => {
      const y = sum(multiply(p, x));
      x.write(0, new Float32Array(6));
      return y;
    };
    expect(() => grad(spoil)(w)).toThrow('write: target must not be what a gradient still needs');
    // what no rule reads may change
    expect(changing(() => cache.write(0, new Float32Array(3)))).not.toThrow();
  });

  it('refuses an operation without gradient and composition, by name', () => {
    const opaque = defineOp<{ x: Tensor }, object>({
      name: 'opaque',
      outputs: ({ x }) => [{ shape: x.shape, dtype: 'f32' }],
      reference: ({ x }) => [Float64Array.from(x.data)],
    });
    const w = seeded(device, [2], 1);
    expect(() => grad((p: Tensor) => sum(run(opaque, { x: p }, {})[0] as Tensor))(w)).toThrow(
      'opaque: x must not depend on a parameter',
    );
    expect(() =>
      grad((p: Tensor) => sum(add(p, run(opaque, { x: stopGradient(p) }, {})[0] as Tensor)))(w),
    ).not.toThrow();
  });

  it('names a device that cannot run a rule before the operation runs', async () => {
    const source = 'function (s, b, h, q, k) { return s * s * 0.5; }';
    const loss = (p: Tensor): Tensor =>
      sum(attention({ q: p, k: p, v: p }, { modifiers: [{ kind: 'score', source }] }));
    expect(() => grad(loss)(seeded(device, [1, 3, 1, 2], 1))).not.toThrow();
    const other = await createDevice('gpujs:cpu');
    const names: string[] = [];
    const work = (): unknown =>
      watch(
        ({ op }) => names.push(op.name),
        () => grad(loss)(seeded(other, [1, 3, 1, 2], 1)),
      );
    expect(work).toThrow(/gpujs:cpu.*gradient of attention[\s\S]*modifier/);
    expect(names).not.toContain('attention');
    other.dispose();
  });
});

describe('memory', () => {
  const w = seeded(device, [8, 8], 1);
  const x = seeded(device, [4, 8], 2);
  const forward = (p: Tensor, input: Tensor): Tensor => sum(unary(gelu(linear(input, p)), 'exp'));

  it('is back to before but for the results, and after them', () => {
    const before = device.memory.buffers;
    const { value, grads } = valueAndGrad(forward)(w, x);
    expect(device.memory.buffers).toBe(before + 2);
    value.dispose();
    grads.dispose();
    expect(device.memory.buffers).toBe(before);
  });

  it('follows an outer scope', () => {
    const before = device.memory.buffers;
    scope(() => {
      valueAndGrad(forward)(w, x);
    });
    expect(device.memory.buffers).toBe(before);
  });

  it('is back to before when the function throws, or a rule', () => {
    const before = device.memory.buffers;
    const late = (p: Tensor): Tensor => {
      forward(p, x);
      throw new Error('late');
    };
    expect(() => grad(late)(w)).toThrow('late');
    expect(device.memory.buffers).toBe(before);
    const broken = defineOp<{ x: Tensor }, object>({
      name: 'broken',
      outputs: ({ x: { shape } }) => [{ shape, dtype: 'f32' }],
      reference: ({ x: { data } }) => [Float64Array.from(data)],
      gradient: {
        keeps: () => ['x', 0],
        rule: ({ inputs, dy }, ops) => {
          ops.multiply(inputs.x, dy);
          throw new Error('no rule');
        },
      },
    });
    expect(() =>
      grad((p: Tensor) => sum(run(broken, { x: gelu(linear(x, p)) }, {})[0] as Tensor))(w),
    ).toThrow('no rule');
    expect(device.memory.buffers).toBe(before);
  });

  it('is freed step by step, and only what a rule reads is kept', () => {
    const long = (p: Tensor): Tensor => {
      let h: Tensor = linear(x, p);
      for (let layer = 0; layer < 20; layer++) h = scope(() => add(add(h, x), x));
      return sum(h);
    };
    device.resetPeak();
    const before = device.memory.liveBytes;
    scope(() => {
      valueAndGrad(long)(w);
    });
    // sums keep nothing: a few tensors of [4, 8] and [8, 8] at a time, however many layers
    expect(device.memory.peakBytes - before).toBeLessThan(30 * 4 * 8 * 4);
  });
});

describe('stopGradient', () => {
  it('lets the numbers pass and no gradient', async () => {
    const w = tensor(device, [2, 3], [2]);
    const { value, grads } = valueAndGrad((p: Tensor) => sum(multiply(p, stopGradient(p))))(w);
    expect(await numbers(value)).toEqual([13]);
    expect(await numbers(grads)).toEqual([2, 3]);
  });
});

describe('checkpoint', () => {
  const layers = 9;
  const params = { w: Array.from({ length: layers }, (_, n) => seeded(device, [16, 16], n)) };
  const block = (w: Tensor, h: Tensor): Tensor => {
    let y = h;
    for (let again = 0; again < 4; again++) y = gelu(linear(y, w));
    return add(h, y);
  };
  const model = (around: (w: Tensor, h: Tensor) => Tensor) => (p: typeof params) =>
    sum(p.w.reduce<Tensor>((h, w) => scope(() => around(w, h)), seeded(device, [8, 16], 99)));

  it('gives the same gradients with less memory', async () => {
    const measured = (fn: (p: typeof params) => Tensor) => {
      const before = device.memory.liveBytes;
      device.resetPeak();
      const { grads } = valueAndGrad(fn)(params);
      return { grads, peak: device.memory.peakBytes - before };
    };
    const plain = measured(model(block));
    const again = measured(model(checkpoint(block)));
    for (const [n, want] of plain.grads.w.entries())
      expect(await numbers(again.grads.w[n]!)).toEqual(await numbers(want));
    expect(again.peak).toBeLessThan(0.6 * plain.peak);
  });

  it('sees what the function reads beside its arguments, and arguments that are freed', async () => {
    const w = tensor(device, [2], [1]);
    const g = grad((p: Tensor) => {
      const power = checkpoint((x: Tensor) => [multiply(x, multiply(p, p)), x] as const);
      const [y] = scope(() => power(square(p)));
      return sum(y); // p⁴
    })(w);
    expect(await numbers(g)).toEqual([32]);
  });

  it('is the function itself where nothing is recorded', () => {
    const before = device.memory.buffers;
    scope(() => checkpoint(block)(params.w[0]!, seeded(device, [8, 16], 3)));
    expect(device.memory.buffers).toBe(before + 1);
  });
});

describe('a state that keeps nothing', () => {
  it('lets gradients pass', async () => {
    const spec = { kind: 'contiguous', perToken: { k: [3] }, constant: {} } as never;
    const state = createThrough({ device, spec });
    const w = seeded(device, [1, 2, 3], 5);
    const g = grad((p: Tensor) => sum(square(state.append({ k: square(p) }).rows.k!)))(w);
    const [at] = await numbers(w);
    expect((await numbers(g))[0]).toBeCloseTo(4 * at! ** 3, 6);
    state.dispose();
  });
});
