import { createReference, run, scope, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, onEveryDevice, seeded, withoutKernels } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { shortConvolution, shortConvolutionOp } from './short-convolution.ts';

const sizes = [
  [1, 1, 1, 2],
  [2, 1, 5, 4],
  [2, 3, 7, 5],
  [3, 70, 33, 4],
] as const;

const results = async (device: ReturnType<typeof createReference>, [B, L, C, W]: readonly number[]) => {
  const { y, tail } = scope(() =>
    shortConvolution(
      seeded(device, [B!, L!, C!], 1),
      seeded(device, [B!, W! - 1, C!], 2),
      seeded(device, [C!, W!], 3),
    ),
  );
  return [await y.data(), await tail.data()];
};

describe('equals the reference', () => {
  onEveryDevice(
    (device) => {
      it.each(sizes)('[%i, %i, %i], %i tokens', async (...size) => {
        const want = await results(createReference(), size);
        const got = await results(device(), size);
        for (const i of [0, 1]) assertClose(got[i]!, want[i]!, { atol: 2e-6, rtol: 1e-5 });
      });
    },
    { only: ['wasm', 'gpujs:cpu', 'gpujs:webasm'] },
  );

  it.each(sizes)('by its composition: [%i, %i, %i], %i tokens', async (...size) => {
    const composed = withoutKernels(createReference(), shortConvolutionOp);
    const [want, got] = [await results(createReference(), size), await results(composed, size)];
    for (const i of [0, 1]) assertClose(got[i]!, want[i]!, { atol: 1e-6, rtol: 1e-5 });
  });
});

it('mixes a token with those before it, the tail first', async () => {
  const device = createReference();
  const x = tensor(device, [1, 2, 3], [1, 3, 1]);
  const before = tensor(device, [10, 20], [1, 2, 1]);
  const weight = tensor(device, [0.01, 0.1, 1], [1, 3]);
  const { y, tail } = shortConvolution(x, before, weight);
  const silu = (value: number): number => value / (1 + Math.exp(-value));
  assertClose(await y.data(), [1 + 2 + 0.1, 2 + 0.1 + 0.2, 3 + 0.2 + 0.01].map(silu), {
    atol: 1e-6,
    rtol: 1e-6,
  });
  expect([...(await tail.data())]).toEqual([2, 3]);
});

it('no tokens leave the tail as it is, in memory of its own', async () => {
  for (const device of [createReference(), withoutKernels(createReference(), shortConvolutionOp)]) {
    const tail = seeded(device, [2, 3, 4], 1);
    const x = tensor(device, [], [2, 0, 4]);
    const [y, last] = run(shortConvolutionOp, { x, tail, weight: seeded(device, [4, 4], 2) }, {}) as [
      Tensor,
      Tensor,
    ];
    expect(y.shape).toEqual([2, 0, 4]);
    expect(await last.data()).toEqual(await tail.data());
    tail.write(0, last);
  }
});

it('refuses a tail of another length than the weight reaches back', () => {
  const device = createReference();
  const [x, weight] = [seeded(device, [1, 3, 2], 1), seeded(device, [2, 4], 2)];
  expect(() => shortConvolution(x, seeded(device, [1, 4, 2], 3), weight)).toThrow(
    'shortConvolution: tail must hold the W − 1 rows before x, of a weight [C, W = 4] with W ≥ 2, got "4 rows"',
  );
  expect(() => shortConvolution(x, seeded(device, [1, 3, 5], 3), weight)).toThrow(/axis C has two sizes/);
});
