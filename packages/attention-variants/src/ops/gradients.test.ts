import { concat, type Device, permute, slice, type Tensor, tensor } from '@headwise/tensor';
import {
  checkGradients,
  compareGradients,
  type Differentiable,
  onEveryDevice,
  seeded,
} from '@headwise/tensor/testing';
import { describe, it } from 'vitest';
import { additiveScores } from './additive-scores.ts';
import { differentialMix } from './differential-mix.ts';
import { type LinearAttentionParams, linearAttention } from './linear-attention.ts';
import { shortConvolution } from './short-convolution.ts';
import { sumsAfter } from './sums-after.ts';

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

/** All gradients, those of the state that comes in and of what goes out among them. */
function recurrence(
  shapes: Readonly<Record<string, readonly number[]>>,
  params: Partial<LinearAttentionParams>,
) {
  const [B, L, H, Hkv, D, Dv] = [2, 3, 4, 2, 3, 5];
  const all = { q: [B, L, H, D], k: [B, L, Hkv, D], v: [B, L, Hkv, Dv], S: [B, Hkv, D, Dv], ...shapes };
  return of(all, (given) => {
    const { out, S, z } = linearAttention(given as never, params);
    return [out, S, ...(z ? [z] : [])] as Tensor[];
  });
}

const cases: Readonly<Record<string, Differentiable>> = {
  'linear attention, not normalised': recurrence({}, { scale: 0.5 }),
  'linear attention with its features and normaliser': recurrence(
    { z: [2, 2, 3] },
    { feature: 'elu+1', eps: 6 },
  ),
  'linear attention that sees all of the call': recurrence({}, { causal: false }),
  'gated, a decay a head': recurrence({ decay: [2, 3, 2, 1] }, { rule: 'gated' }),
  'gated, a decay a channel': recurrence({ decay: [2, 3, 2, 3] }, { rule: 'gated' }),
  'the delta rule': recurrence({ beta: [2, 3, 1] }, { rule: 'delta' }),
  'the gated delta rule': recurrence({ decay: [2, 3, 2, 1], beta: [2, 3, 2] }, { rule: 'gated_delta' }),
  'the gated delta rule, a decay a channel': recurrence(
    { decay: [2, 3, 2, 3], beta: [2, 3, 2] },
    { rule: 'gated_delta' },
  ),
  'sums of what stands behind': of({ x: [2, 70] }, ({ x }) => sumsAfter(x!)),
  'the short convolution, its tail among them': of(
    { x: [2, 3, 5], tail: [2, 3, 5], weight: [5, 4] },
    ({ x, tail, weight }) => {
      const result = shortConvolution(x!, tail!, weight!);
      return [result.y, result.tail] as Tensor[];
    },
  ),
  'additive scores in groups, with a bias': of(
    { q: [2, 3, 4, 5], k: [2, 5, 2, 5], score: [4, 5], bias: [1, 4, 3, 5] },
    ({ q, k, score, bias }) => additiveScores(q!, k!, score!, bias),
  ),
  // 2^18 numbers hold the tanh of two of these queries
  'additive scores in pieces of queries': of(
    { q: [1, 3, 1, 1], k: [1, 3, 1, 1], score: [1, 1] },
    ({ q, k, score }, device) => {
      const far = tensor(device, new Float32Array(120_000), [1, 120_000, 1, 1]);
      const rows = permute(k!, [0, 2, 3, 1]).reshape([1, 3]);
      const keys = concat(rows, far.reshape([1, 120_000])).reshape([1, 120_003, 1, 1]);
      return slice(additiveScores(q!, keys, score!), 0, 5);
    },
  ),
  'the difference of two maps': of(
    { a: [3, 5], b: [3, 5], lambdaQ1: [4], lambdaK1: [4], lambdaQ2: [4], lambdaK2: [4] },
    ({ a, b, ...vectors }) => differentialMix(a!, b!, vectors as never, 0.3),
  ),
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
