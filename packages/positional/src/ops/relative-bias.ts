import {
  bindAxes,
  defineOp,
  gather,
  type KernelPlan,
  type OutputSpec,
  permute,
  run,
  type ShapedInput,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import { clampedDistances } from './relative-positions.ts';

type Inputs = {
  table: Tensor;
  lookup: Tensor<string, 'i32'>;
  queryPositions?: Tensor<string, 'i32'> | undefined;
  keyPositions?: Tensor<string, 'i32'> | undefined;
};

/** How many queries and keys, and the position of query 0 where none are given. */
export interface RelativeBiasParams {
  readonly Lq: number;
  readonly Lk: number;
  readonly offset: number;
}

/**
 * A trained bias for each relative position, spread out to scores.
 *
 * ```text
 * table          [N, H]
 * lookup         [2M + 1]        i32: the row of the table for p_key − p_query = −M … M
 * queryPositions [B | 1, Lq]     i32; absent: offset + i
 * keyPositions   [B | 1, Lk]     i32; absent: j
 * → [B, H, Lq, Lk]               table[lookup[clamp(p_key − p_query, −M, M) + M], h]
 * ```
 *
 * @throws {ShapeError} if the shapes do not fit.
 * @throws {ValueError} if Lq, Lk or the offset is no whole number ≥ 0, or `lookup` has an even length.
 */
export const relativeBiasOp = defineOp<Inputs, RelativeBiasParams>({
  name: 'relative-bias',
  dtypes: { lookup: 'i32', queryPositions: 'i32', keyPositions: 'i32' },
  outputs({ table, lookup, queryPositions, keyPositions }, { Lq, Lk, offset }) {
    for (const [argument, value] of Object.entries({ Lq, Lk, offset })) {
      if (!Number.isInteger(value) || value < 0)
        throw new ValueError('relative-bias', argument, 'must be a whole number ≥ 0', value);
    }
    const { S } = bindAxes('relative-bias', { table: [table, 'N H'], lookup: [lookup, 'S'] });
    if (S % 2 === 0)
      throw new ValueError('relative-bias', 'lookup', 'must have an odd length, −M … M', `${S} numbers`);
    const B = batchOf(queryPositions, keyPositions);
    bindAxes('relative-bias', {
      ...(queryPositions && { queryPositions: [queryPositions, rowAxes(queryPositions, B, Lq)] }),
      ...(keyPositions && { keyPositions: [keyPositions, rowAxes(keyPositions, B, Lk)] }),
    });
    return [{ shape: [B, table.shape[1]!, Lq, Lk], dtype: 'f32' }];
  },
  reference({ table, lookup, queryPositions, keyPositions }, { Lq, Lk, offset }) {
    const H = table.shape[1]!;
    const B = batchOf(queryPositions, keyPositions);
    const M = (lookup.shape[0]! - 1) / 2;
    const y = new Float64Array(B * H * Lq * Lk); // [B, H, Lq, Lk]
    for (let b = 0; b < B; b++) {
      for (let i = 0; i < Lq; i++) {
        for (let j = 0; j < Lk; j++) {
          const query = queryPositions
            ? queryPositions.data[(queryPositions.shape[0] === 1 ? 0 : b) * Lq + i]!
            : offset + i;
          const key = keyPositions ? keyPositions.data[(keyPositions.shape[0] === 1 ? 0 : b) * Lk + j]! : j;
          const row = lookup.data[Math.min(M, Math.max(-M, key - query)) + M]!;
          for (let h = 0; h < H; h++) y[((b * H + h) * Lq + i) * Lk + j] = table.data[row * H + h]!;
        }
      }
    }
    return [y];
  },
  gpujs: plan,
  lower({ table, lookup, ...positions }, sizes) {
    const M = (lookup.shape[0]! - 1) / 2;
    const distances = clampedDistances({ device: table.device, ...sizes, ...positions }, M);
    const rows = gather(table, lookup); // [2M + 1, H], the table by distance
    return [permute(gather(rows, distances), [0, 3, 1, 2])];
  },
});

/**
 * Spreads a trained table out to scores; shapes at `relativeBiasOp`.
 *
 * @returns `[B, H, Lq, Lk]`, B = 1 unless positions differ by sequence
 * @throws {ShapeError | ValueError} as `relativeBiasOp`.
 */
export function relativeBias(inputs: Inputs, params: RelativeBiasParams): Tensor<'B H Lq Lk'> {
  return run(relativeBiasOp, inputs, params)[0] as Tensor<'B H Lq Lk'>;
}

type Shapes = { readonly [K in keyof Inputs]: ShapedInput };

function plan(
  { table, lookup, queryPositions, keyPositions }: Shapes,
  { Lq, Lk, offset }: RelativeBiasParams,
  [output]: readonly OutputSpec[],
): KernelPlan {
  const [B, H] = output!.shape as [number, number];
  const query = queryPositions
    ? `Math.floor(queryPositions[${queryPositions.shape[0] === 1 ? '' : 'b * Lq + '}this.thread.y] + 0.5)`
    : 'offset + this.thread.y';
  const key = keyPositions
    ? `Math.floor(keyPositions[${keyPositions.shape[0] === 1 ? '' : 'b * Lk + '}this.thread.x] + 0.5)`
    : 'this.thread.x';
  const given = [queryPositions && 'queryPositions', keyPositions && 'keyPositions'].filter(
    (name) => name !== undefined,
  );
  return {
    steps: [
      {
        name: 'y',
        source: `function (table, lookup, ${[...given, 'H', 'Lq', 'Lk', 'M', 'offset'].join(', ')}) {
          const b = Math.floor((this.thread.z + 0.5) / H);
          const h = this.thread.z - b * H;
          const relative = ${key} - (${query});
          const place = Math.min(M, Math.max(0.0 - M, relative)) + M;
          const row = Math.floor(lookup[place] + 0.5);
          return table[row][h];
        }`,
        args: [
          { array: 'table', size: [H, table.shape[0]!] },
          'lookup',
          ...given,
          { integer: H },
          { integer: Lq },
          { integer: Lk },
          { integer: (lookup.shape[0]! - 1) / 2 },
          { integer: offset },
        ],
        length: B * H * Lq * Lk,
        threads: [Lk, Lq, B * H],
      },
    ],
    outputs: ['y'],
  };
}

function batchOf(...positions: readonly (ShapedInput | { shape: readonly number[] } | undefined)[]): number {
  return Math.max(1, ...positions.map((tensor) => tensor?.shape[0] ?? 1));
}

function rowAxes({ shape }: { readonly shape: readonly number[] }, B: number, L: number): string {
  return `${shape[0] === 1 ? 1 : B} ${L}`;
}
