import {
  attention,
  binary,
  bindAxes,
  cast,
  checkFields,
  gather,
  permute,
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
  /** `[B, Lk, Hkv, Dv]`; keys that are also the values are read once. */
  readonly v: Tensor;
  /**
   * `[B, Lq, n]` i32, each slot at most once; −1 for none. Or `[B, Lq, G, n]`: for each of G groups of query heads those
   * of its own.
   */
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
 * Groups of heads that choose for themselves read the heads of keys that are theirs. A query without slots gives zeros.
 * Made of `gather` and `attention`: it runs, and has gradients, where they do.
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
  const grouped = slots.shape.length === 4;
  const bound = bindAxes('selectedAttention', {
    q: [q, 'B Lq H D'],
    k: [k, 'B Lk Hkv D'],
    v: [v, 'B Lk Hkv Dv'],
    slots: [slots, grouped ? 'B Lq G n' : 'B Lq n'],
  });
  const { B, Lq, H, D, Lk, Hkv, Dv, n } = bound;
  const G = grouped ? bound.G! : 1;
  if (H % Hkv !== 0)
    throw new ShapeError('selectedAttention', `H = ${H} query heads do not split into Hkv = ${Hkv}`, [], 'H');
  if (H % G !== 0 || (Hkv % G !== 0 && G % Hkv !== 0)) {
    const problem = `H = ${H} query heads over Hkv = ${Hkv} do not split into the G = ${G} groups of the slots`;
    throw new ShapeError('selectedAttention', problem, [], 'G');
  }
  // heads of keys that a group reads, and how many such parts a row of keys has
  const parts = Math.min(G, Hkv);
  const heads = Hkv / parts;
  const few = Math.max(1, Math.floor(LARGEST / Math.max(1, B * G * n * heads * (D + Dv))));
  const chosen = cast(slots, 'f32').reshape([B, Lq * G * n]);
  /** `[B, count · H · Dv]` */
  const rows = (start: number, count: number): Tensor => {
    const part = (of: Tensor, width: number): Tensor =>
      count === Lq ? of : slice(of.reshape([B, Lq * width]), start * width, count * width);
    const ids = part(chosen, G * n).reshape([B, count * G * n]);
    const rowsOf = inParts(inTable(ids, Lk).reshape([B * count, G, n]), parts);
    const found = cast(rowsOf, 'i32').reshape([B * count * G, n]);
    const read = (of: Tensor, width: number): Tensor =>
      gather(of.reshape([B * Lk * parts, heads * width]), found).reshape([B * count * G, n, heads, width]);
    const keys = read(k, D);
    const out = attention(
      {
        // one sequence a query and group
        q: part(q, H * D).reshape([B * count * G, 1, H / G, D]),
        k: keys as Tensor<'B Lk Hkv D'>,
        v: (v === k ? keys : read(v, Dv)) as Tensor<'B Lk Hkv Dv'>,
        keyPositions: cast<'B Lk', 'i32'>(ids.reshape([B * count * G, n]), 'i32'),
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

/** Rows of whole tokens `[·, G, n]` as those of the part of their keys that each group reads; below 0 for none. */
function inParts(rows: Tensor, parts: number): Tensor {
  if (parts === 1) return rows;
  const { device } = rows;
  const G = rows.shape[1]!;
  const own = tensor(
    device,
    Float32Array.from({ length: G }, (_, g) => Math.floor((g * parts) / G)),
    [G, 1],
  );
  const none = binary(rows, number(device, 0), 'less');
  const inside = binary(binary(rows, number(device, parts), 'multiply'), own, 'add');
  return where(none, number(device, -1), inside);
}

/**
 * The same slots as a bias for attention that reads everything: 0 for what is selected, −∞ for the rest.
 *
 * @param slots `[B, Lq, n]` i32, or `[B, Lq, G, n]` of groups of heads
 * @param H query heads, of which each has the bias of its group. Default as many as there are groups
 * @returns `[B, G, Lq, Lk]`, or `[B, H, Lq, Lk]`; G is 1 without groups
 * @throws {ShapeError} if the slots have no such axes, or the heads do not split.
 */
export function selectedBias(slots: Tensor<string, 'i32'>, Lk: number, H?: number): Tensor<'B H Lq Lk'> {
  const grouped = slots?.shape?.length === 4;
  const bound = bindAxes('selectedBias', { slots: [slots, grouped ? 'B Lq G n' : 'B Lq n'] });
  const { B, Lq, n } = bound;
  const G = grouped ? bound.G! : 1;
  if (H !== undefined && H % G !== 0)
    throw new ShapeError('selectedBias', `H = ${H} heads do not split into the G = ${G} groups`, [], 'G');
  const { device } = slots;
  const rows = B * Lq * G;
  const cells = cast(inTable(cast(slots, 'f32').reshape([rows, n]), Lk), 'i32').reshape([rows * n]);
  const one = tensor(device, new Float32Array(rows * n).fill(1), [rows * n, 1]);
  const there = permute(scatterAdd(one, cells, rows * Lk).reshape([B, Lq, G, Lk]), [0, 2, 1, 3]);
  const hides = where(there, number(device, 0), number(device, -Infinity));
  if (H === undefined || G === 1 || H === G) return hides as Tensor<'B H Lq Lk'>;
  // the heads of a group stand together
  const each = hides.reshape([B * G, Lq * Lk]);
  const copies = Int32Array.from({ length: B * H }, (_, h) => Math.floor((h * G) / H));
  return gather<'B H Lq Lk'>(each, tensor(device, copies, [B * H])).reshape<'B H Lq Lk'>([B, H, Lq, Lk]);
}
