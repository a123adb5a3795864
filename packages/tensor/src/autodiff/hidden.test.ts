import { it } from 'vitest';
import { createReference } from '../device/reference.ts';
import { attention } from '../ops/attention.ts';
import { multiply } from '../ops/elementwise.ts';
import { reduce } from '../ops/reduce.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { assertClose } from '../testing/close.ts';
import { onEveryDevice } from '../testing/every-device.ts';
import { seeded, seededValues } from '../testing/seeded.ts';
import { grad } from './grad.ts';

/** Keys and values of 7 slots, of which slot 3 is empty and may hold anything. */
async function gradients(device: ReturnType<typeof createReference>, held: number) {
  const slots = (seed: number): Tensor => {
    const values = seededValues(7 * 6, seed);
    values.fill(held, 3 * 6, 4 * 6);
    return tensor(device, values, [1, 7, 2, 3]);
  };
  const keyPositions = tensor(device, Int32Array.of(0, 1, 2, -1, 3, 4, 5), [1, 7]);
  const given = { q: seeded(device, [1, 7, 4, 3], 1), k: slots(2), v: slots(3) };
  const loss = (p: typeof given): Tensor => {
    const y = attention({ ...p, keyPositions } as never, { causal: true });
    return reduce(multiply(y, seeded(device, y.shape, 4)).reshape([y.size]), 'sum');
  };
  const { q, k, v } = grad(loss)(given);
  return Promise.all([q, k, v].map((gradient) => gradient.data()));
}

onEveryDevice(
  (device) => {
    it.each([Number.NaN, Infinity])('%s in a hidden key or value changes no gradient', async (held) => {
      const want = await gradients(createReference(), 0.5);
      const got = await gradients(device(), held);
      for (const [n, each] of want.entries()) assertClose(got[n]!, each, { atol: 1e-5, rtol: 1e-4 });
    });
  },
  { only: ['reference', 'wasm', 'gpujs:webasm', 'gpujs:cpu'] },
);
