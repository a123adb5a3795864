import { type HostTensor, numbersOf } from '@headwise/models';
import { createReference } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import type { VerifyCase } from '../contract.ts';
import { runnersFor } from './index.ts';

const device = createReference();
const size = (shape: readonly number[]): number => shape.reduce((product, axis) => product * axis, 1);
const random = (shape: readonly number[], seed: number): HostTensor => ({
  dtype: 'F32',
  shape,
  data: seededValues(size(shape), seed),
});
const whole = (shape: readonly number[], ...values: number[]): HostTensor => ({
  dtype: 'I64',
  shape,
  data: BigInt64Array.from(values, BigInt),
});

/** Runs a case in every way there is. */
async function run(op: string, inputs: Record<string, HostTensor>, attributes: Record<string, unknown> = {}) {
  const testCase = { op, inputs, attributes } as unknown as VerifyCase;
  return Promise.all(runnersFor(op).map((runner) => runner(testCase, device)));
}

it.each([
  [[3], [3], []],
  [[3], [3, 4], [4]],
  [[2, 3], [3], [2]],
  [
    [5, 2, 3],
    [3, 4],
    [5, 2, 4],
  ],
  [
    [2, 3],
    [5, 3, 4],
    [5, 2, 4],
  ],
  [
    [5, 1, 2, 3],
    [7, 3, 4],
    [5, 7, 2, 4],
  ],
  [[3], [6, 3, 4], [6, 4]],
])('multiplies %j by %j to %j as numpy does', async (left, right, want) => {
  const a = random(left, 1);
  const b = random(right, 2);
  const K = left.at(-1)!;
  for (const { c } of await run('MatMul', { a, b })) {
    expect(c!.shape).toEqual(want);
    const [x, y] = [numbersOf(a), numbersOf(b)];
    // the first element: row 0 of the first matrix by column 0 of the first
    const step = right.length > 1 ? right.at(-1)! : 1;
    let first = 0;
    for (let k = 0; k < K; k++) first += x[k]! * y[k * step]!;
    expect(c!.data[0]).toBeCloseTo(first, 6);
    // and the last: last row by last column of the last
    let last = 0;
    for (let k = 0; k < K; k++) last += x[x.length - K + k]! * y[y.length - (K - 1 - k) * step - 1]!;
    expect(c!.data[c!.data.length - 1]).toBeCloseTo(last, 6);
  }
});

it('gathers along any axis, with indices from the end', async () => {
  const data: HostTensor = {
    dtype: 'F32',
    shape: [2, 3, 2],
    data: Float32Array.from({ length: 12 }, (_, i) => i),
  };
  for (const axis of [1, -2]) {
    const [{ y }] = (await run('Gather', { data, indices: whole([2, 2], 0, -1, 1, 1) }, { axis })) as [
      { y: never },
    ];
    expect(y).toEqual({
      shape: [2, 2, 2, 2],
      data: Float32Array.of(0, 1, 4, 5, 2, 3, 2, 3, 6, 7, 10, 11, 8, 9, 8, 9),
    });
  }
  await expect(run('Gather', { data, indices: whole([1], 2) }, { axis: 0 })).rejects.toThrow(
    'index 2 is outside −2 … 1',
  );
});

it('gathers elements where the indices are fewer than the data', async () => {
  const data: HostTensor = {
    dtype: 'F32',
    shape: [3, 3],
    data: Float32Array.from({ length: 9 }, (_, i) => i),
  };
  const [got] = await run('GatherElements', { data, indices: whole([2, 2], 0, -1, 1, 0) }, { axis: 0 });
  expect(got!.y).toEqual({ shape: [2, 2], data: Float32Array.of(0, 7, 3, 1) });
});

it('ranks the smallest along the first axis, the lower index first on ties', async () => {
  const x: HostTensor = { dtype: 'F32', shape: [3, 2], data: Float32Array.of(1, 5, 1, 4, 0, 5) };
  const [got] = await run('TopK', { x, k: whole([1], 2) }, { axis: 0, largest: 0 });
  expect(got!.values).toEqual({ shape: [2, 2], data: Float32Array.of(0, 4, 1, 5) });
  expect(got!.indices).toEqual({ shape: [2, 2], data: Float32Array.of(2, 1, 0, 0) });
});

it('skips whole numbers that float32 cannot hold', async () => {
  await expect(run('TopK', { x: whole([2], 2 ** 24 + 1, 3), k: whole([1], 1) })).rejects.toMatchObject({
    name: 'Skip',
    message: 'I64 value 16777217 is out of the range of float32',
  });
});

it('normalises over all axes from a given one, with one scale for all rows', async () => {
  const X = random([2, 2, 3], 3);
  const W = random([3], 4);
  const [got] = await run('LayerNormalization', { X, W }, { axis: 1, epsilon: 1e-3 });
  const rows = X.data as Float32Array;
  const want = Array.from(rows, (value, i) => {
    const row = rows.slice(i - (i % 6), i - (i % 6) + 6);
    const mean = row.reduce((a, b) => a + b) / 6;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / 6;
    return ((value - mean) / Math.sqrt(variance + 1e-3)) * numbersOf(W)[i % 3]!;
  });
  assertClose(got!.Y!.data, want);
  expect(got!.Mean!.shape).toEqual([2, 1, 1]);
});
