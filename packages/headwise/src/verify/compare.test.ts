import type { HostTensor } from '@headwise/models';
import { expect, it } from 'vitest';
import { compareOutputs } from './compare.ts';
import type { Got, VerifyCase } from './contract.ts';

function caseOf(want: HostTensor, atol = 0.1, rtol = 0.1): VerifyCase {
  return {
    file: '',
    name: '',
    op: '',
    attributes: {},
    features: [],
    inputs: {},
    outputs: { y: want },
    tolerance: () => ({ atol, rtol }),
  };
}
const f32 = (...data: number[]): HostTensor => ({
  dtype: 'F32',
  shape: [data.length],
  data: Float32Array.from(data),
});
const got = (...data: number[]): Got => ({ y: { shape: [data.length], data } });

it('allows atol + rtol · |want|, and reports the largest error either way', () => {
  expect(compareOutputs(caseOf(f32(10, 0), 0.125, 0.125), got(11.25, 0))).toEqual({ largest: 1.25 });
  const { largest, problem } = compareOutputs(caseOf(f32(10, 0), 0.125, 0.125), got(11.5, 0.0625));
  expect(largest).toBe(1.5);
  expect(problem).toBe(
    'y: 1 of 2 values differ (wanted within 0.125 + 0.125·|want|); the worst, [0], is 11.5, not 10',
  );
});

it.each(['1', Number.NaN, -1, undefined])(
  'refuses a tolerance of %j instead of allowing anything',
  (atol) => {
    const loose = { ...caseOf(f32(1)), tolerance: () => ({ atol: atol as number, rtol: 0 }) };
    const { problem } = compareOutputs(loose, got(1e9));
    expect(problem).toMatch(/^y: its atol must be a number ≥ 0, it is /);
  },
);

it.each([
  [Infinity, -Infinity],
  [Infinity, 3e38],
  [-Infinity, 0],
  [1, Number.NaN],
  [Number.NaN, 1],
  [0, Infinity],
])('does not take %f for %f', (a, b) => {
  expect(compareOutputs(caseOf(f32(b)), got(a)).problem).toBeDefined();
  expect(compareOutputs(caseOf(f32(a)), got(a)).problem).toBeUndefined();
});

it('wants whole numbers and booleans exactly', () => {
  const ids: HostTensor = { dtype: 'I64', shape: [2], data: BigInt64Array.of(3n, 4n) };
  expect(compareOutputs(caseOf(ids), got(3, 4))).toEqual({ largest: 0 });
  expect(compareOutputs(caseOf(ids), got(3, 4.01)).problem).toMatch(/wanted exactly/);
  const flags: HostTensor = { dtype: 'BOOL', shape: [1], data: Uint8Array.of(1) };
  expect(compareOutputs(caseOf(flags), got(0)).problem).toBeDefined();
});

it('wants every output, in its shape', () => {
  expect(compareOutputs(caseOf(f32(1)), {}).problem).toBe('y is missing');
  expect(compareOutputs(caseOf(f32(1)), { y: { shape: [1, 1], data: [1] } }).problem).toBe(
    'y has the shape [1, 1], not [1]',
  );
  expect(compareOutputs(caseOf(f32(1)), { y: { shape: [1], data: [] } }).problem).toBe(
    'y has 0 values, not 1',
  );
});
