import type { HostTensor } from '@headwise/models';
import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import type { VerifyCase } from '../contract.ts';
import { runnersFor } from './index.ts';

const f32 = (shape: readonly number[], ...data: number[]): HostTensor => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(data),
});
const bool = (shape: readonly number[], ...data: number[]): HostTensor => ({
  dtype: 'BOOL',
  shape,
  data: Uint8Array.from(data),
});

/** Two queries over three keys with equal scores: an output is the mean of the values 1, 2, 3 that are seen. */
const masked = (attn_mask: HostTensor, y: readonly number[], more: object = {}): VerifyCase => ({
  file: '',
  name: '',
  op: 'Attention',
  attributes: { scale: 1 },
  features: [],
  inputs: {
    Q: f32([1, 1, 2, 1], 0, 0),
    K: f32([1, 1, 3, 1], 0, 0, 0),
    V: f32([1, 1, 3, 1], 1, 2, 3),
    attn_mask,
  },
  outputs: { Y: f32([1, 1, 2, 1], ...y) },
  tolerance: () => ({ atol: 1e-6, rtol: 0 }),
  ...more,
});

// the values are those of onnx 1.23.2's ReferenceEvaluator, opset 24
it.each([
  ['one column, not repeated', f32([2, 1], 0, 0), [1, 1]],
  ['one number', f32([1, 1], 0), [1, 1]],
  ['one column in four axes', f32([1, 1, 2, 1], 0, 0), [1, 1]],
  ['two columns', f32([2, 2], 0, 0, 0, 0), [1.5, 1.5]],
  ['one axis', f32([2], 0, 0), [1.5, 1.5]],
  ['all columns in one row, which is repeated', f32([1, 3], 0, 0, -Infinity), [1.5, 1.5]],
  ['one column of truth', bool([2, 1], 1, 0), [1, 0]],
  ['two columns of truth', bool([2, 2], 0, 1, 1, 1), [2, 1.5]],
])('pads a mask of %s with −∞', async (_, mask, y) => {
  const device = createReference();
  const testCase = masked(mask, y);
  const ways = runnersFor('Attention');
  expect(ways.length).toBeGreaterThan(1);
  for (const way of ways) {
    const got = (await way(testCase, device)) as Record<string, { data: ArrayLike<number> }>;
    expect([...(got.Y!.data as Float32Array)]).toEqual(y);
  }
});
