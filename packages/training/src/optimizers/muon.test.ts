import { createDevice, createReference, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seeded, seededValues } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { muon } from './muon.ts';
import { adamW } from './rules.ts';
import { OptimizerState } from './state.ts';

/** A reflection: its rows are of length 1 and stand upright on each other. */
function reflection(size: number, seed: number): (i: number, j: number) => number {
  const v = seededValues(size, seed);
  const square = v.reduce((sum, each) => sum + each * each, 0);
  return (i, j) => Number(i === j) - (2 * v[i]! * v[j]!) / square;
}

/** `U · diag(values) · Vᵀ`, `[M, N]` */
function withSingularValues(M: number, N: number, values: readonly number[]): Float64Array {
  const [u, v] = [reflection(M, 1), reflection(N, 2)];
  return Float64Array.from({ length: M * N }, (_, at) => {
    const [i, j] = [Math.floor(at / N), at % N];
    return values.reduce((sum, value, s) => sum + u(i, s) * value * v(j, s), 0);
  });
}

describe.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', (name) => {
  // what five polynomials make of each singular value follows from nothing but numbers
  it.each([
    [3, 5],
    [7, 4],
    [1, 6],
  ])('a gradient [%i, %i] keeps its singular vectors, and its values become about 1', async (M, N) => {
    const device = await createDevice(name);
    const values = Array.from({ length: Math.min(M, N) }, (_, s) => 3 * 0.4 ** s);
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
    const equal = values.map((value) => {
      let x = value / norm;
      for (let step = 0; step < 5; step++) x = 3.4445 * x - 4.775 * x ** 3 + 2.0315 * x ** 5;
      return x;
    });
    expect(Math.min(...equal)).toBeGreaterThan(0.6);
    expect(Math.max(...equal)).toBeLessThan(1.3);
    const w = tensor(device, new Float32Array(M * N), [M, N]);
    using state = new OptimizerState(muon({ decay: 0 }), { w });
    const { buffers } = device.memory;
    using gradient = tensor(device, Float32Array.from(withSingularValues(M, N, values)), [M, N]);
    state.apply({ w: gradient }, 1);
    const scale = -0.2 * Math.sqrt(Math.max(M, N));
    const want = withSingularValues(M, N, equal).map((each) => scale * each);
    assertClose(await w.data(), want, { atol: 1e-5, rtol: 1e-5 });
    expect(device.memory.buffers).toBe(buffers + 1);
  });
});

it('averages gradients, and looks one ahead', async () => {
  const device = createReference();
  // of one number nothing is left but its sign
  const moved = async (...gradients: number[]): Promise<number[]> => {
    const w = tensor(device, [0], [1, 1]);
    using state = new OptimizerState(muon({ momentum: 0.5, decay: 0 }), { w });
    const after: number[] = [];
    for (const each of gradients) {
      state.apply({ w: tensor(device, [each], [1, 1]) }, 1);
      after.push((await w.data())[0]!);
    }
    return after;
  };
  const [first, second] = await moved(4, -1);
  expect(first).toBeLessThan(0);
  // m = 2, then 0.5; what it moves along is −0.5 + 0.25 < 0
  expect(second).toBeGreaterThan(first!);
  // m = 2, then 0.75; 0.375 − 0.25 > 0
  const [one, two] = await moved(4, -0.5);
  expect(two).toBeLessThan(one!);
});

it('leaves vectors, tables and outputs to Adam, and decays matrices', async () => {
  const device = createReference();
  const names = { 'layers.0.gain': [4], embed: [3, 4], 'position.table': [5, 4], head: [3, 4] };
  const make = (): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(names).map(([at, shape], i) => [at, seeded(device, shape, i)]));
  const gradients = Object.fromEntries(
    Object.entries(names).map(([at, shape], i) => [at, seeded(device, shape, 9 + i)]),
  );
  const after = async (which: typeof muon | typeof adamW): Promise<(readonly number[])[]> => {
    const params = make();
    using state = new OptimizerState(which({ decay: 0.1 }), params);
    for (let step = 0; step < 3; step++) state.apply(gradients, 0.01);
    return Promise.all(Object.values(params).map(async (each) => [...(await each.data())]));
  };
  expect(await after(muon)).toEqual(await after(adamW));
  const w = tensor(device, [1], [1, 1]);
  using state = new OptimizerState(muon({ decay: 0.5 }), { w });
  state.apply({ w: tensor(device, [0], [1, 1]) }, 0.1);
  expect((await w.data())[0]).toBeCloseTo(0.95, 7);
  expect(() => muon({ momentum: 1 })).toThrow('muon: momentum must be from 0 to below 1, got 1');
  expect(() => muon({ decay: -1 })).toThrow('decayWeights: decay must be a number ≥ 0, got -1');
});
