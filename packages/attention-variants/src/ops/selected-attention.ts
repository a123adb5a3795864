import {
  attention,
  binary,
  bindAxes,
  cast,
  checkFields,
  gather,
  ShapeError,
  scatterAdd,
  slice,
  type Tensor,
  tensor,
  where,
} from '@headwise/tensor';
import { inPieces } from './in-pieces.ts';
import { number } from './numbers.ts';

/** Queries, keys and values, and the slots that each query reads. */
export interface SelectedInputs {
  /** `[B, Lq, H, D]` */
  readonly q: Tensor;
  /** `[B, Lk, Hkv, D]` */
  readonly k: Tensor;
  /** `[B, Lk, Hkv, Dv]` */
  readonly v: Tensor;
  /** `[B, Lq, n]` i32, each slot at most once; −1 for none. */
  readonly slots: Tensor<string, 'i32'>;
}

/** Most numbers that are gathered at once. */
const LARGEST = 2 ** 22;

/**
 * Attention of each query over slots of its own, of which alone keys and values are read.
 *
 * ```text
 * y[b,i,h] = Σ_n softmax_n(scale · q[b,i,h] · k[b, slots[b,i,n]]) · v[b, slots[b,i,n]]     [B, Lq, H, Dv]
 * ```
 *
 * A query without slots gives zeros. Made of `gather` and `attention`: it runs, and has gradients, where they do.
 * Time and memory traffic `O(B · Lq · n · (H · D + Hkv · D))`, whatever Lk is.
 *
 * @param scale default `1 / √D`
 * @throws {ShapeError} if shapes disagree.
 * @throws {ValueError} if a tensor was forgotten.
 * @throws {DeviceError} if the device cannot run attention.
 */
export function selectedAttention(
  inputs: SelectedInputs,
  { scale }: { readonly scale?: number | undefined } = {},
): Tensor<'B Lq H Dv'> {
  checkFields('selectedAttention', 'inputs', inputs, ['q', 'k', 'v', 'slots']);
  const { q, k, v, slots } = inputs;
  const { B, Lq, H, D, Lk, Hkv, Dv, n } = bindAxes('selectedAttention', {
    q: [q, 'B Lq H D'],
    k: [k, 'B Lk Hkv D'],
    v: [v, 'B Lk Hkv Dv'],
    slots: [slots, 'B Lq n'],
  });
  if (H % Hkv !== 0)
    throw new ShapeError('selectedAttention', `H = ${H} query heads do not split into Hkv = ${Hkv}`, [], 'H');
  const few = Math.max(1, Math.floor(LARGEST / Math.max(1, B * n * Hkv * (D + Dv))));
  const chosen = cast(slots, 'f32').reshape([B, Lq * n]);
  /** `[B, count · H · Dv]` */
  const rows = (start: number, count: number): Tensor => {
    const part = (of: Tensor, width: number): Tensor =>
      count === Lq ? of : slice(of.reshape([B, Lq * width]), start * width, count * width);
    const ids = part(chosen, n).reshape([B, count * n]);
    const found = cast(inTable(ids, Lk), 'i32').reshape([B * count, n]);
    const out = attention(
      {
        // one sequence a query
        q: part(q, H * D).reshape([B * count, 1, H, D]),
        k: gather(k.reshape([B * Lk, Hkv * D]), found).reshape([B * count, n, Hkv, D]),
        v: gather(v.reshape([B * Lk, Hkv * Dv]), found).reshape([B * count, n, Hkv, Dv]),
        keyPositions: cast<'B Lk', 'i32'>(ids.reshape([B * count, n]), 'i32'),
      },
      { scale },
    );
    return out.reshape([B, count * H * Dv]);
  };
  return inPieces(few, 0, Lq, rows).reshape([B, Lq, H, Dv]);
}

/** Slots `[B, …]` as rows of a table of all sequences; below 0 for none. */
function inTable(slots: Tensor, Lk: number): Tensor {
  const [B, size] = slots.shape as [number, number];
  const { device } = slots;
  const first = tensor(
    device,
    Float32Array.from({ length: B }, (_, b) => b * Lk),
    [B, 1],
  );
  const none = binary(slots, number(device, 0), 'less');
  return where(none, number(device, -1), binary(slots, first, 'add')).reshape([B, size]);
}

/**
 * The same slots as a bias for attention that reads everything: 0 for what is selected, −∞ for the rest.
 *
 * @param slots `[B, Lq, n]` i32
 * @returns `[B, 1, Lq, Lk]`
 * @throws {ShapeError} if the slots have no such axes.
 */
export function selectedBias(slots: Tensor<string, 'i32'>, Lk: number): Tensor<'B H Lq Lk'> {
  const { B, Lq, n } = bindAxes('selectedBias', { slots: [slots, 'B Lq n'] });
  const { device } = slots;
  const cells = cast(inTable(cast(slots, 'f32').reshape([B * Lq, n]), Lk), 'i32').reshape([B * Lq * n]);
  const one = tensor(device, new Float32Array(B * Lq * n).fill(1), [B * Lq * n, 1]);
  const there = scatterAdd(one, cells, B * Lq * Lk).reshape([B, 1, Lq, Lk]);
  return where<'B H Lq Lk'>(there, number(device, 0), number(device, -Infinity));
}
