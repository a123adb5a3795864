import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import type { VerifyCase } from './contract.ts';
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

it('says of a case that passes in part what was not compared', async () => {
  const report = await verifyCase(oneKey(0.25), device);
  expect(report).toMatchObject({
    status: 'pass',
    notCompared: 'grad_q: needs training, which is not there yet',
  });
});

it('fails a case in part whose other outputs are wrong', async () => {
  expect(await verifyCase(oneKey(0.5), device)).toMatchObject({ status: 'fail' });
});

it('skips an operator without a runner, with the reason', async () => {
  expect(await verifyCase({ ...oneKey(0), op: 'unheard-of' }, device)).toMatchObject({
    status: 'skip',
    reason: 'no runner for the operator unheard-of',
  });
});
