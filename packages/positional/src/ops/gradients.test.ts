import { type Device, tensor } from '@headwise/tensor';
import {
  checkGradients,
  compareGradients,
  type Differentiable,
  onEveryDevice,
  seeded,
} from '@headwise/tensor/testing';
import { describe, it } from 'vitest';
import { relativeBias } from './relative-bias.ts';
import { shawAttention } from './shaw-attention.ts';

const of = (
  shapes: Readonly<Record<string, readonly number[]>>,
  run: Differentiable['run'],
): Differentiable => ({
  parameters: (device: Device) =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape], i) => [name, seeded(device, shape, 20 + i)]),
    ),
  run,
});

const ids = (device: Device, values: readonly number[], shape: readonly number[]) =>
  tensor(device, Int32Array.from(values), shape);
const heads = { q: [2, 3, 4, 3], k: [2, 5, 2, 3], v: [2, 5, 2, 5] };

const cases: Readonly<Record<string, Differentiable>> = {
  'a table of biases, counted': of({ table: [4, 3] }, ({ table }, d) =>
    relativeBias({ table: table!, lookup: ids(d, [0, 1, 2, 3, 1], [5]) }, { Lq: 3, Lk: 5, offset: 2 }),
  ),
  'a table of biases at positions': of({ table: [4, 3] }, ({ table }, d) =>
    relativeBias(
      {
        table: table!,
        lookup: ids(d, [3, 1, 0, 2, 2], [5]),
        queryPositions: ids(d, [4, 0, 2, 1, 5, 3], [2, 3]),
        keyPositions: ids(d, [0, 1, 9, 3, 4], [1, 5]),
      },
      { Lq: 3, Lk: 5, offset: 0 },
    ),
  ),
  'relative keys and values, causal': of(
    { ...heads, relativeKeys: [5, 3], relativeValues: [5, 5] },
    (given) => shawAttention(given as never, { scale: 0.6, causal: true, offset: 2, valid: 4 }).out,
  ),
  'relative keys alone, at positions, and the weights': of({ ...heads, relativeKeys: [3, 3] }, (given, d) => {
    const positions = {
      queryPositions: ids(d, [4, 0, 2], [1, 3]),
      keyPositions: ids(d, [0, 1, -1, 3, 4, 2, 2, 0, -1, 1], [2, 5]),
    };
    const call = { ...given, ...positions } as never;
    const { out, weights } = shawAttention(call, { scale: 1, causal: false, offset: 0, valid: 5 });
    return [out, weights];
  }),
};

describe('gradients equal central differences in float64', () => {
  for (const [name, each] of Object.entries(cases)) it(name, () => checkGradients(each));
});

describe('gradients are equal', () => {
  onEveryDevice(
    (device) => {
      for (const [name, each] of Object.entries(cases)) it(name, () => compareGradients(device(), each));
    },
    { only: ['wasm', 'gpujs:webasm'] },
  );
});
