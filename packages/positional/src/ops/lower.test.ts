import { createReference, type Device, run, scope, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seeded, withoutKernels } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { relativeBiasOp } from './relative-bias.ts';
import { shawAttentionOp } from './shaw-attention.ts';

/** Runs an operation by its reference and by its composition, and compares every result. */
async function compare(
  op: typeof relativeBiasOp | typeof shawAttentionOp,
  make: (device: Device) => object,
  params: object,
): Promise<void> {
  const composed = withoutKernels(createReference(), op);
  const want = scope(() => run(op as never, make(createReference()) as never, params));
  const before = composed.memory.buffers;
  const inputs = make(composed);
  const got = scope(() => run(op as never, inputs as never, params));
  for (const [i, result] of got.entries()) {
    expect(result.shape).toEqual(want[i]!.shape);
    assertClose(await result.data(), await want[i]!.data(), { atol: 1e-6, rtol: 1e-5 });
    result.dispose();
  }
  for (const input of Object.values(inputs)) (input as Tensor | undefined)?.dispose();
  expect(composed.memory.buffers, 'buffers left behind').toBe(before);
}

const ints = (d: Device, rows: readonly (readonly number[])[]) =>
  tensor(d, Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);

const places: readonly [
  name: string,
  queries: readonly (readonly number[])[] | undefined,
  keys: readonly (readonly number[])[] | undefined,
][] = [
  ['counted', undefined, undefined],
  ['of the queries', [[4, 9, 30]], undefined],
  ['of the keys, with an empty slot', undefined, [[0, 3, -1, 4, 5]]],
  [
    'by sequence',
    [
      [0, 1, 2],
      [3, -1, 4],
    ],
    [
      [0, 1, 2, 3, 4],
      [5, 4, 3, -1, 0],
    ],
  ],
];

it.each(places)('composes a relative bias: positions %s', async (_, queries, keys) => {
  await compare(
    relativeBiasOp,
    (d) => ({
      table: seeded(d, [5, 3], 1),
      lookup: tensor(d, Int32Array.of(4, 3, 2, 1, 0, 0, 1, 2, 3), [9]),
      queryPositions: queries && ints(d, queries),
      keyPositions: keys && ints(d, keys),
    }),
    { Lq: 3, Lk: 5, offset: queries ? 0 : 2 },
  );
});

it.each(places)('composes attention with relative keys: positions %s', async (_, queries, keys) => {
  for (const causal of [true, false])
    for (const values of [true, false])
      for (const poison of [false, true])
        await compare(
          shawAttentionOp,
          (d) => {
            const v = seeded(d, [2, 5, 2, 3], 3);
            // NaN in a slot that nobody uses, and in a key that some do not see
            if (poison) for (const row of [4, 9]) v.write(row * 6, new Float32Array(6).fill(Number.NaN));
            return {
              q: seeded(d, [2, 3, 4, 6], 1),
              k: seeded(d, [2, 5, 2, 6], 2),
              v,
              relativeKeys: seeded(d, [7, 6], 4),
              relativeValues: values ? seeded(d, [7, 3], 5) : undefined,
              queryPositions: queries && ints(d, queries),
              keyPositions: keys && ints(d, keys),
            };
          },
          { scale: 0.4, causal, offset: queries ? 0 : 2, valid: poison ? 4 : 5 },
        );
});
