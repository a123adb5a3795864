import type { Decoder } from '@headwise/models';
import {
  binary,
  createPositions,
  crossEntropy,
  type Device,
  linear,
  multiply,
  type Positions,
  reduce,
  type Tensor,
  tensor,
  unary,
  ValueError,
} from '@headwise/tensor';
import type { Params } from './params.ts';
import { withThroughStates } from './through.ts';

/** Ids outside every vocabulary: where nothing is to be predicted. */
export const IGNORED = -1;

/** Rows of tokens, of lengths of their own, and what is to come after each token; `IGNORED` where it does not count. */
export interface TokenBatch {
  readonly ids: readonly (readonly number[])[];
  readonly targets: readonly (readonly number[])[];
}

/** `[B, L]` ids of rows, filled up on the right, and where they stand. */
export interface Rows {
  readonly ids: Tensor<'B L', 'i32'>;
  readonly positions: Positions;
}

/**
 * Rows as tensors: padding is id 0 at position −1.
 * @throws {ValueError} if there is no row, or an empty one.
 */
export function rowsOf(device: Device, rows: readonly (readonly number[])[]): Rows {
  if (rows.length === 0 || rows.some(({ length }) => length === 0))
    throw new ValueError('training', 'batch', 'must be rows of at least one token', `${rows.length} rows`);
  return {
    ids: filled(device, rows, 0),
    positions: createPositions(
      device,
      rows.map((row) => row.map((_, i) => i)),
    ),
  };
}

/**
 * The loss of a decoder on rows of tokens: the mean cross-entropy of the next token, with all rows in one pass and
 * states that keep nothing. The decoder is made once, of the very tensors that are trained.
 *
 * @param options `smoothing` of the targets, 0.1 in the original Transformer (Vaswani et al. 2017, section 5.4)
 * @returns `(params, batch) → []`
 * @throws {ValueError} inside, for a batch whose targets do not go with its ids.
 */
export function languageModelLoss(
  decoder: Decoder,
  { smoothing = 0 }: { readonly smoothing?: number } = {},
): (params: Params, batch: TokenBatch) => Tensor {
  return (_, { ids: rows, targets }) => {
    const { device } = decoder;
    if (targets.length !== rows.length || targets.some(({ length }, b) => length !== rows[b]!.length))
      throw new ValueError(
        'languageModelLoss',
        'targets',
        'must have one target for each id',
        targets.map(({ length }) => length),
      );
    const { ids, positions } = rowsOf(device, rows);
    const hidden = withThroughStates(device, decoder.specs, rows.length, (states) =>
      decoder.run(ids, positions, { states }),
    );
    return crossEntropy(decoder.head(hidden), filled(device, targets, IGNORED), { smoothing });
  };
}

/**
 * Contrastive loss of two lists of vectors in which the i-th belong together, against all others of the batch:
 *
 * ```text
 * s[i, j] = cos(a_i, b_j) / τ        loss = ½ · (CE(s, i) + CE(sᵀ, i))
 * ```
 *
 * Van den Oord et al. 2018, eq. 4 (InfoNCE); symmetric as in Radford et al. 2021 (CLIP), figure 3.
 *
 * @param a `[B, E]`
 * @param b `[B, E]`
 * @throws {ValueError} unless τ is a number > 0.
 */
export function contrastiveLoss(
  a: Tensor,
  b: Tensor,
  { temperature = 0.05 }: { readonly temperature?: number } = {},
): Tensor {
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new ValueError('contrastiveLoss', 'temperature', 'must be a finite number > 0', temperature);
  const { device } = a;
  const B = a.shape[0]!;
  const own = tensor(
    device,
    Int32Array.from({ length: B }, (_, i) => i),
    [B],
  );
  const [x, y] = [unitRows(a), unitRows(b)];
  const scale = tensor(device, [1 / temperature], []);
  const one = (from: Tensor, to: Tensor): Tensor =>
    crossEntropy(binary(linear(from, to), scale, 'multiply'), own);
  return binary(binary(one(x, y), one(y, x), 'add'), tensor(device, [0.5], []), 'multiply');
}

/** Rows of length 1. */
function unitRows(x: Tensor): Tensor {
  const norm = unary(reduce(multiply(x, x), 'sum'), 'sqrt').reshape([x.shape[0]!, 1]);
  return binary(x, norm, 'divide');
}

function filled(device: Device, rows: readonly (readonly number[])[], padding: number): Tensor<'B L', 'i32'> {
  const L = Math.max(...rows.map(({ length }) => length));
  const values = new Int32Array(rows.length * L).fill(padding);
  for (const [b, row] of rows.entries()) values.set(row, b * L);
  return tensor<'B L'>(device, values, [rows.length, L]);
}
