import type { Decoder } from '@headwise/models';
import {
  binary,
  crossEntropy,
  type LayerState,
  linear,
  multiply,
  reduce,
  scope,
  type Tensor,
  tensor,
  unary,
  ValueError,
} from '@headwise/tensor';
import type { Params } from './params.ts';
import { checkTargets, filled, IGNORED, rowsOf, type TokenBatch } from './rows.ts';
import { withThroughStates } from './through.ts';

/**
 * The loss of a decoder on rows of tokens: the mean cross-entropy of the next token, with all rows in one pass and
 * states that keep nothing. The decoder is made once, of the very tensors that are trained. Documents in one row do not see
 * each other (Krell et al. 2021, "Efficient Sequence Packing without Cross-contamination", section 3.2).
 *
 * @param options `smoothing` of the targets, 0.1 in the original Transformer (Vaswani et al. 2017, section 5.4)
 * @returns `(params, batch) → []`
 * @throws {ValueError} inside, for a batch whose targets do not go with its ids.
 */
export function languageModelLoss(
  decoder: Decoder,
  { smoothing = 0 }: { readonly smoothing?: number } = {},
): (params: Params, batch: TokenBatch) => Tensor {
  return (_, { ids: rows, targets, documents }) =>
    scope(() => {
      const { device } = decoder;
      checkTargets('languageModelLoss', rows, targets);
      const { ids, positions } = rowsOf(device, rows, documents);
      const work = (states: Readonly<Record<string, LayerState>>) => decoder.run(ids, positions, { states });
      const hidden = withThroughStates(device, decoder.specs, rows.length, work, documents);
      return crossEntropy(decoder.head(hidden), filled(device, targets, IGNORED), { smoothing });
    });
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
  return scope(() => {
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
  });
}

/** Rows of length 1. */
function unitRows(x: Tensor): Tensor {
  const norm = unary(reduce(multiply(x, x), 'sum'), 'sqrt').reshape([x.shape[0]!, 1]);
  return binary(x, norm, 'divide');
}
