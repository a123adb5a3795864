import {
  attention,
  attentionGradientOp,
  type Device,
  grad,
  multiply,
  reduce,
  type Tensor,
} from '@headwise/tensor';
import { assertClose, seeded, withoutKernels } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { createWasm } from './device.ts';

const [H, Lq, Lk, D] = [2, 150, 30_000, 4];
/** Bytes of one array of all scores. */
const SCORES = H * Lq * Lk * 4;

/** The gradients, and the most that was held meanwhile. */
async function measured(device: Device) {
  const given = {
    q: seeded(device, [1, Lq, H, D], 1),
    k: seeded(device, [1, Lk, 1, D], 2),
    v: seeded(device, [1, Lk, 1, D], 3),
  };
  const loss = (p: typeof given): Tensor => {
    const y = attention(p as never, { causal: { offset: Lk - Lq }, softcap: 3 });
    return reduce(multiply(y, seeded(device, y.shape, 4)).reshape([y.size]), 'sum');
  };
  device.resetPeak();
  const before = device.memory.liveBytes;
  const { q, k, v } = grad(loss)(given);
  const peak = device.memory.peakBytes - before;
  const values = await Promise.all([q, k, v].map((gradient) => gradient.data()));
  for (const tensor of [...Object.values(given), q, k, v]) tensor.dispose();
  return { values, peak };
}

it('holds no array of all scores on the way back, in a kernel or composed', async () => {
  const device = await createWasm();
  const kernel = await measured(device);
  expect(kernel.peak).toBeLessThan(SCORES / 10);
  const pieces = await measured(withoutKernels(device, attentionGradientOp));
  // twenty arrays of a piece, which is an eighth of the queries
  expect(pieces.peak).toBeLessThan(3 * SCORES);
  for (const [n, want] of pieces.values.entries())
    assertClose(kernel.values[n]!, want, { atol: 1e-5, rtol: 1e-3 });
  device.dispose();
});
