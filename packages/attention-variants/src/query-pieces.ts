import { cast, slice, type Tensor } from '@headwise/tensor';
import { inPieces } from './ops/in-pieces.ts';
import type { OwnCall } from './own-attention.ts';

/**
 * An attention over some queries at a time, so that what it makes for each pair is not held for all of them.
 *
 * @param few most queries of a piece
 * @param attend the output of a piece, `[B, count, H, Dv]`
 * @returns `[B, Lq, H, Dv]`
 * @throws what `attend` throws.
 */
export function byPieces(call: OwnCall, few: number, attend: (piece: OwnCall) => Tensor): Tensor {
  const [B, Lq, H] = call.q.shape as [number, number, number];
  if (Lq <= few) return attend(call);
  const Dv = call.v.shape[3]!;
  const rows = inPieces(few, 0, Lq, (start, count) =>
    attend(pieceOf(call, start, count)).reshape([B, count * H * Dv]),
  );
  return rows.reshape([B, Lq, H, Dv]);
}

/** The same call for some of its queries, which see no slot behind them where slots stand in order. */
function pieceOf(call: OwnCall, start: number, count: number): OwnCall {
  const { q, k, x, bias, keyPositions, queryPositions, cursor: _, ...rest } = call;
  const [B, Lq, H, D] = q.shape as [number, number, number, number];
  const valid = call.valid ?? k.shape[1]!;
  const offset = (call.offset ?? Math.max(0, valid - Lq)) + start;
  const cells = H * D;
  const E = x?.shape[2] ?? 0;
  const rowsOf = ([b, h, , Lk]: readonly number[], of: Tensor): Tensor =>
    slice(of.reshape([b!, h!, Lq * Lk!]), start * Lk!, count * Lk!).reshape([b!, h!, count, Lk!]);
  return {
    ...rest,
    q: slice(q.reshape([B, Lq * cells]), start * cells, count * cells).reshape([B, count, H, D]),
    k,
    ...(x && { x: slice(x.reshape([B, Lq * E]), start * E, count * E).reshape<'B L E'>([B, count, E]) }),
    offset,
    valid: keyPositions ? valid : Math.min(valid, offset + count),
    ...(bias && { bias: rowsOf(bias.shape, bias) }),
    ...(keyPositions && { keyPositions }),
    ...(queryPositions && {
      queryPositions: cast<'B Lq', 'i32'>(slice(cast(queryPositions, 'f32'), start, count), 'i32'),
    }),
  };
}
