import {
  binary,
  bindAxes,
  cast,
  checkFields,
  defineOp,
  matmul,
  permute,
  relu,
  run,
  scope,
  slice,
  stopGradient,
  type Tensor,
  tensor,
  topK,
  ValueError,
  where,
} from '@headwise/tensor';
import type { Placement } from '../contract.ts';
import { visibleSlots } from '../visible-slots.ts';
import { inPieces } from './in-pieces.ts';
import { LEAST, number } from './numbers.ts';

/** Tensor arguments of {@link selectKeysOp}. */
export type SelectKeysInputs = {
  /** Index queries, `[B, Lq, J, D]`. */
  readonly q: Tensor;
  /** Index keys, one a slot for all index heads, `[B, Lk, D]`. */
  readonly k: Tensor;
  /** What each index head counts, `[B, Lq, J]`. */
  readonly w: Tensor;
  /** As in attention; what is left out is counted: `offset + i` and `j`. */
  readonly queryPositions?: Tensor<'B Lq', 'i32'> | undefined;
  readonly keyPositions?: Tensor<'B Lk', 'i32'> | undefined;
  readonly keyUntil?: Tensor<'B Lk', 'i32'> | undefined;
  readonly cursor?: Tensor<'2', 'i32'> | undefined;
};

/** Parameters of {@link selectKeysOp}. */
export interface SelectKeysParams {
  /** Most slots of a query. */
  readonly count: number;
  /** Position of query 0, without `queryPositions` and `cursor`. */
  readonly offset: number;
  /** Slots in use, without `cursor`. */
  readonly valid: number;
}

/**
 * The lightning indexer: which keys a query reads, by a score that is cheaper than attention's.
 *
 * ```text
 * I[b,i,j] = Σ_h w[b,i,h] · max(0, q[b,i,h] · k[b,j])
 * →          [B, Lq, n] i32, n = min(count, Lk): slots that the query sees (p_j ≤ p_i), the largest I first and the
 *            lower slot first on ties; −1 where it sees fewer
 * ```
 *
 * No gradient passes: a choice has none. DeepSeek-AI 2025, "DeepSeek-V3.2", eq. 1 and 2.
 */
export const selectKeysOp = defineOp<SelectKeysInputs, SelectKeysParams>({
  name: 'selectKeys',
  dtypes: { queryPositions: 'i32', keyPositions: 'i32', keyUntil: 'i32', cursor: 'i32' },
  outputs({ q, k, w, queryPositions, keyPositions, keyUntil, cursor }, { count }) {
    const rows = (of: { readonly shape: readonly number[] }, axis: string): string =>
      `${of.shape[0] === 1 ? '1' : 'B'} ${axis}`;
    const { B, Lq, Lk } = bindAxes('selectKeys', {
      q: [q, 'B Lq J D'],
      k: [k, 'B Lk D'],
      w: [w, 'B Lq J'],
      queryPositions: queryPositions && [queryPositions, rows(queryPositions, 'Lq')],
      keyPositions: keyPositions && [keyPositions, rows(keyPositions, 'Lk')],
      keyUntil: keyUntil && [keyUntil, rows(keyUntil, 'Lk')],
      cursor: cursor && [cursor, '2'],
    }) as Record<'B' | 'Lq' | 'Lk', number>;
    if (!Number.isInteger(count) || count < 1)
      throw new ValueError('selectKeys', 'count', 'must be a whole number of at least 1', count);
    if (Lk === 0) throw new ValueError('selectKeys', 'k', 'must have a slot to select', Lk);
    return [{ shape: [B, Lq, Math.min(count, Lk)], dtype: 'i32' }];
  },
  reference({ q, k, w, queryPositions, keyPositions, keyUntil, cursor }, params) {
    const [B, Lq, J, D] = q.shape as [number, number, number, number];
    const Lk = k.shape[1]!;
    const n = Math.min(params.count, Lk);
    const [offset, valid] = cursor ? [cursor.data[0]!, cursor.data[1]!] : [params.offset, params.valid];
    const at = (of: typeof keyUntil, b: number, j: number): number | undefined =>
      of?.data[(of.shape[0] === 1 ? 0 : b) * of.shape[1]! + j];
    const slots = new Float64Array(B * Lq * n).fill(-1); // [B, Lq, n]
    for (let b = 0; b < B; b++) {
      for (let i = 0; i < Lq; i++) {
        const place = at(queryPositions, b, i) ?? offset + i;
        const scores = new Map<number, number>();
        for (let j = 0; j < Math.min(valid, Lk); j++) {
          const position = at(keyPositions, b, j) ?? j;
          if (position < 0 || position > place || place > (at(keyUntil, b, j) ?? Infinity)) continue;
          let score = 0;
          for (let h = 0; h < J; h++) {
            let dot = 0;
            for (let d = 0; d < D; d++)
              dot += q.data[((b * Lq + i) * J + h) * D + d]! * k.data[(b * Lk + j) * D + d]!;
            score += w.data[(b * Lq + i) * J + h]! * Math.max(0, dot);
          }
          scores.set(j, score);
        }
        const order = [...scores].sort(([a, x], [c, y]) => y - x || a - c).slice(0, n);
        order.forEach(([slot], rank) => {
          slots[(b * Lq + i) * n + rank] = slot;
        });
      }
    }
    return [slots];
  },
  lower(inputs, params) {
    const [B, Lq, J] = inputs.q.shape as [number, number, number];
    const Lk = inputs.k.shape[1]!;
    const n = Math.min(params.count, Lk);
    const few = Math.max(1, Math.floor(LARGEST / Math.max(1, B * J * Lk)));
    const seen = visibleSlots({ ...inputs, ...params }, inputs.q.device, Lq, Lk);
    // of one query the products are turned, which are fewer than the keys
    const turned = Lq > 1 ? permute(inputs.k, [0, 2, 1]) : undefined;
    /** `[B, count · n]` */
    const rows = (start: number, count: number): Tensor => {
      const scores = turned ? indexScores(inputs, turned, start, count) : stepScores(inputs);
      const { device } = scores;
      const kept = where(seen(start, count), scores, number(device, -Infinity));
      const { values, indices } = topK(kept, n);
      const none = binary(values, number(device, LEAST), 'less');
      return where(none, number(device, -1), cast(indices, 'f32')).reshape([B, count * n]);
    };
    if (Lq === 0 || B === 0) return [tensor(inputs.q.device, new Int32Array(0), [B, Lq, n])];
    return [cast(inPieces(few, 0, Lq, rows).reshape([B, Lq, n]), 'i32')];
  },
});

/** Most numbers of an intermediate result of the composition. */
const LARGEST = 2 ** 22;

/** `[B, count, Lk]` for queries from `start` on; `turned [B, D, Lk]` are the keys. */
function indexScores({ q, w }: SelectKeysInputs, turned: Tensor, start: number, count: number): Tensor {
  const [B, Lq, J, D] = q.shape as [number, number, number, number];
  const Lk = turned.shape[2]!;
  const part = (of: Tensor, width: number): Tensor =>
    count === Lq ? of : slice(of.reshape([B, Lq * width]), start * width, count * width);
  const dots = matmul(part(q, J * D).reshape([B, count * J, D]), turned);
  const products = relu(dots).reshape([B * count, J, Lk]);
  // one row of weights a query: the sum over its index heads
  return matmul(part(w, J).reshape([B * count, 1, J]), products).reshape([B, count, Lk]);
}

/** The same for one query: `[B, 1, Lk]`. */
function stepScores({ q, k, w }: SelectKeysInputs): Tensor {
  const [B, , J, D] = q.shape as [number, number, number, number];
  const products = relu(matmul(k, permute(q.reshape([B, J, D]), [0, 2, 1])));
  return matmul(products, w.reshape([B, J, 1])).reshape([B, 1, k.shape[1]!]);
}

/**
 * The slots that each query reads, `[B, Lq, n]` i32; formula and order at `selectKeysOp`. They are data: layers may share them.
 *
 * @param at where queries and slots stand, as a cache's view says it; left out, the queries are the last of the keys
 * @throws {ShapeError} if shapes disagree.
 * @throws {ValueError} for a count below 1, no keys, or a tensor that was forgotten.
 */
export function selectKeys(
  given: Pick<SelectKeysInputs, 'q' | 'k' | 'w'>,
  count: number,
  at: Placement = {},
): Tensor<'B Lq n', 'i32'> {
  checkFields('selectKeys', 'inputs', given, ['q', 'k', 'w']);
  const { q, k, w } = given;
  const { queryPositions, keyPositions, keyUntil, cursor } = at;
  const Lk = k.shape[1] ?? 0;
  const valid = cursor ? Lk : (at.valid ?? Lk);
  const offset = cursor ? 0 : (at.offset ?? Math.max(0, valid - (q.shape[1] ?? 0)));
  return scope(() => {
    const held = { q: stopGradient(q), k: stopGradient(k), w: stopGradient(w) };
    const inputs = { ...held, queryPositions, keyPositions, keyUntil, cursor };
    return run(selectKeysOp, inputs, { count, offset, valid })[0] as unknown as Tensor<'B Lq n', 'i32'>;
  });
}
