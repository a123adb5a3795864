import { createReference, tensor } from '@headwise/tensor';
import { assertClose, onEveryDevice, seeded, withoutKernels } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { sumsAfter, sumsAfterOp } from './sums-after.ts';

const shapes: readonly { readonly size: readonly number[] }[] = [
  [1],
  [2, 3, 7],
  [3, 32],
  [2, 33],
  [2, 1100],
].map((size) => ({ size }));

describe('equals the reference', () => {
  onEveryDevice(
    (device) => {
      it.each(shapes)('rows of $size', async ({ size }) => {
        const want = await sumsAfter(seeded(createReference(), size, 1)).data();
        assertClose(await sumsAfter(seeded(device(), size, 1)).data(), want, { atol: 1e-5, rtol: 1e-5 });
      });
    },
    { only: ['wasm', 'gpujs:cpu', 'gpujs:webasm'] },
  );

  it.each(shapes)('by its composition: rows of $size', async ({ size }) => {
    const composed = withoutKernels(createReference(), sumsAfterOp);
    const want = await sumsAfter(seeded(createReference(), size, 1)).data();
    assertClose(await sumsAfter(seeded(composed, size, 1)).data(), want, { atol: 1e-6, rtol: 1e-6 });
  });
});

it('sums what stands behind, and nothing behind the last', async () => {
  const x = tensor(createReference(), [1, 2, 4, 10, 20, 40], [2, 3]);
  expect([...(await sumsAfter(x).data())]).toEqual([6, 4, 0, 60, 40, 0]);
});

it('takes rows of nothing, and refuses what has no rows', () => {
  const device = withoutKernels(createReference(), sumsAfterOp);
  expect(sumsAfter(tensor(device, [], [2, 0])).shape).toEqual([2, 0]);
  expect(() => sumsAfter(tensor(device, [1], []))).toThrow('sumsAfter: x has no axis to sum along');
});
