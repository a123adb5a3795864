import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { type Got, Skip, type VerifyCase } from './contract.ts';
import { verifyCase } from './verify.ts';

const device = createReference();
const floats = (shape: readonly number[], ...values: number[]) => ({
  dtype: 'F32' as const,
  shape,
  data: Float32Array.from(values),
});

/** One query that sees one key: the output is its value. */
function oneKey(y: number): VerifyCase {
  const one = [1, 1, 1, 1];
  return {
    file: 'one-key.safetensors',
    name: 'one-key',
    op: 'torch.attention_gradients',
    attributes: { kind: 'causal', softcap: null, window: null, scale: 1 },
    features: [],
    inputs: { q: floats(one, 1), k: floats(one, 1), v: floats(one, 0.25), grad_y: floats(one, 1) },
    outputs: { y: floats(one, y), grad_q: floats(one, 0) },
    tolerance: () => ({ atol: 1e-6, rtol: 0 }),
  };
}

it('compares the gradients of a case beside its outputs', async () => {
  expect(await verifyCase(oneKey(0.25), device)).toMatchObject({ status: 'pass' });
  expect(await verifyCase(oneKey(0.5), device)).toMatchObject({ status: 'fail' });
  const wrong = {
    ...oneKey(0.25),
    outputs: { y: floats([1, 1, 1, 1], 0.25), grad_v: floats([1, 1, 1, 1], 0.5) },
  };
  expect(await verifyCase(wrong, device)).toMatchObject({
    status: 'fail',
    reason: expect.stringContaining('grad_v'),
  });
});

it('skips an operator without a runner, with the reason', async () => {
  expect(await verifyCase({ ...oneKey(0), op: 'unheard-of' }, device)).toMatchObject({
    status: 'skip',
    reason: 'no runner for the operator unheard-of',
  });
});

it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
  'takes the operator %s for one without a runner',
  async (op) => {
    expect(await verifyCase({ ...oneKey(0), op }, device)).toMatchObject({
      status: 'skip',
      reason: `no runner for the operator ${op}`,
    });
  },
);

it('takes an output with such a name for missing', async () => {
  const outputs = Object.fromEntries([['constructor', floats([1], 0)]]);
  const testCase: VerifyCase = { ...oneKey(0), outputs };
  expect(await verifyCase(testCase, device)).toMatchObject({
    status: 'fail',
    reason: 'constructor is missing',
  });
});

it.each([
  ['skips first', 0, ['skip', 'pass'], 'pass'],
  ['skips last', 1, ['pass', 'skip'], 'pass'],
  ['skips before a failure', 0, ['skip', 'fail'], 'fail'],
  ['skips after a failure', 1, ['fail', 'skip'], 'fail'],
  ['skips alone', 0, ['skip', 'skip'], 'skip'],
] as const)('looks at the other ways where one %s', async (_, __, ways, status) => {
  const runners = ways.map((way) => async (): Promise<Got> => {
    if (way === 'skip') throw new Skip('too large');
    return { y: floats([1], way === 'pass' ? 1 : 2) };
  });
  const testCase = { ...oneKey(0), outputs: { y: floats([1], 1) } };
  const report = await verifyCase(testCase, device, runners);
  expect(report.status).toBe(status);
  if (status === 'pass') expect(report.notCompared).toBe('one of 2 ways to compute it: too large');
  if (status === 'skip') expect(report.reason).toBe('too large');
});
