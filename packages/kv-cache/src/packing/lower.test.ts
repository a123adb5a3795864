import { createReference, type Device, run, scope, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seeded, withoutKernels } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { packLayout } from './layout.ts';
import { packOp } from './pack.ts';
import { unpackOp } from './unpack.ts';

it.each(
  ([8, 4] as const).flatMap((bits) => (['token', 'channel'] as const).map((along) => [bits, along] as const)),
)('composes packing and unpacking: %i bits along the %s', async (bits, along) => {
  const layout = packLayout([3, 5], { bits, along, group: 7 });
  const both = async (device: Device): Promise<readonly Float32Array[]> => {
    const x = seeded(device, [2, 16, 15], 1);
    // a group of equal numbers, and one of zeros
    x.write(15 * 4, new Float32Array(15).fill(0.25));
    x.write(15 * 5, new Float32Array(15));
    const packed = scope(() => run(packOp, { x }, { ...layout, start: 3 }) as Tensor[]);
    const [codes, scales, lows] = packed.map((part) => part.reshape([2, 1, part.shape[1]!]));
    const rows = scope(() =>
      run(unpackOp, { codes: codes!, scales: scales!, lows: lows! }, { ...layout, first: 0, count: 1 }),
    ) as Tensor[];
    const values = await Promise.all([...packed, ...rows].map((part) => part.data()));
    for (const made of [x, ...packed, codes, scales, lows, ...rows]) made!.dispose();
    return values;
  };
  const composed = withoutKernels(createReference(), packOp, unpackOp);
  const want = await both(createReference());
  const got = await both(composed);
  for (const [i, values] of want.entries()) assertClose(got[i]!, values, { atol: 1e-6, rtol: 1e-5 });
  expect(composed.memory.buffers).toBe(0);
});

it('composes the blocks it is asked for', async () => {
  const layout = packLayout([4], { bits: 8, along: 'token', group: 3 });
  const inputs = (device: Device) => ({
    codes: tensor(
      device,
      Float32Array.from({ length: 2 * 3 * layout.elements }, (_, i) => (i * 7919) % 16_777_216),
      [2, 3, layout.elements],
    ),
    scales: seeded(device, [2, 3, layout.groups], 2),
    lows: seeded(device, [2, 3, layout.groups], 3),
  });
  const params = { ...layout, first: 1, count: 2 };
  const want = scope(() => run(unpackOp, inputs(createReference()), params)[0]!);
  const got = scope(() => run(unpackOp, inputs(withoutKernels(createReference(), unpackOp)), params)[0]!);
  expect(got.shape).toEqual([2, 6, 4]);
  assertClose((await got.data()) as Float32Array, (await want.data()) as Float32Array, { rtol: 1e-6 });
});
