import {
  binary,
  bindAxes,
  cast,
  concat,
  matmul,
  permute,
  reduce,
  stopGradient,
  type Tensor,
  topK,
  ValueError,
  where,
  zeros,
} from '@headwise/tensor';
import { checkCount, checkGroups } from '../checks.ts';
import type { AttendResult, ScoreParts } from '../contract.ts';
import { ownBlocks, readsAll, runMeans, slotsOfBlocks } from '../ops/key-blocks.ts';
import { counting, LEAST, number } from '../ops/numbers.ts';
import { selectedAttention, selectedBias } from '../ops/selected-attention.ts';
import type { OwnCall } from '../own-attention.ts';
import { byPieces } from '../query-pieces.ts';
import { softmaxVariant } from '../softmax-variant.ts';
import { placesOf } from '../visible-slots.ts';
import { softmaxAttention } from '../wiring.ts';

/**
 * Mixture of block attention (MoBA): keys stand in blocks, and each query head reads the blocks whose mean key it likes
 * best, as a router chooses experts; the block it stands in is always one of them.
 *
 * ```text
 * block b holds positions b · block … b · block + block − 1          m[b] = mean of its keys [Hkv, D]
 * s[i,h,b] = q[i,h] · m[b]                 of the blocks before the query's own: later ones do not exist for it
 * y        = softmax over the own block up to i, and the `count − 1` blocks of the largest s, of (scale · q · k) · v
 * state rows: k [Hkv, D], v [Hkv, Dv] a token, mean [Hkv, D] once every `block` tokens
 * ```
 *
 * It adds no parameter, and a `count` that covers everything is full attention. Of equally good blocks the earlier one is
 * read. A step reads `Lk / block` means and `count · block` keys and values a head. The choice has no gradient. Where a
 * bias, slopes or modifiers act on the scores, or what is not selected is asked for too (extras), everything is read
 * under a bias that hides the rest.
 *
 * @see Lu et al. 2025, "MoBA: Mixture of Block Attention for Long-Context LLMs", section 2.2, eq. 2 to 6,
 * {@link https://arxiv.org/abs/2502.13189}
 */
export const mixtureOfBlocks = softmaxVariant({
  name: 'mixture-of-blocks',
  title: 'Mixture of block attention (MoBA)',
  summary:
    'Each head reads the blocks of keys whose mean it likes best: no parameter more, and steps that hardly grow.',
  paper: {
    title: 'MoBA: Mixture of Block Attention for Long-Context LLMs',
    authors: 'Lu et al.',
    year: 2025,
    arxiv: '2502.13189',
  },
  defaults: {
    /** Tokens of a block. */
    block: 512,
    /** Blocks that a query reads, its own one of them. */
    count: 3,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ scale }) => ({ causal: true, scale }),
  own: {
    pooled: ({ H, D }, { block, Hkv = H }) => ({ mean: { of: 'k', row: [Hkv, D], every: block } }),
    pool: (_, tokens, __, { block }) =>
      binary(reduce(tokens, 'sum', [1]), number(tokens.device, block), 'divide'),
    reads: (Lq, Lk, { block, count, Hkv }, { H }) =>
      Math.min(Lk, Lq * block * ((H / (Hkv ?? H)) * (count - 1) + 1)),
    flops: (Lq, Lk, { H, D }, { block, count }) =>
      count === 1 ? 0 : 2 * H * D * sumOver(Lq, Lk, (position) => Math.floor(position / block)),
    attend,
  },
  pairs: (Lq, Lk, { block, count }) =>
    sumOver(
      Lq,
      Lk,
      (position) => (position % block) + 1 + block * Math.min(count - 1, Math.floor(position / block)),
    ),
  check: (_, { block, count }) => {
    for (const [name, value] of Object.entries({ block, count }))
      checkCount('mixture-of-blocks', name, value);
  },
});

/** Most numbers of the choice of a piece of queries that are held at once. */
const LARGEST = 2 ** 22;

interface BlockOptions {
  readonly block: number;
  readonly count: number;
}

function attend(call: OwnCall, parts: ScoreParts, options: BlockOptions): AttendResult {
  const { q, k, v, rows, bias, slopes, keyUntil, modifiers = [], extras = [] } = call;
  if (keyUntil) {
    const rule =
      'must be left out: blocks of keys do not end where a document does (give each a row of its own)';
    throw new ValueError('mixture-of-blocks', 'keyUntil', rule, 'one');
  }
  const { B, Lq, H, Lk, Hkv } = bindAxes('mixture-of-blocks', {
    q: [q, 'B Lq H D'],
    k: [k, 'B Lk Hkv D'],
    v: [v, 'B Lk Hkv Dv'],
  });
  checkGroups('mixture-of-blocks', H, Hkv);
  // as few as that need no choice
  if (readsAll(k, options.block, options.count)) return softmaxAttention('mixture-of-blocks', call, parts);
  const given = { ...call, offset: call.offset ?? Math.max(0, (call.valid ?? Lk) - Lq) };
  const means = rows.mean ? { means: rows.mean, there: undefined } : runMeans(k, given, runsOf(options));
  const choose = (piece: OwnCall): Tensor<string, 'i32'> => {
    const blocks = chosenBlocks(piece, stopGradient(means.means), means.there, options);
    return slotsOfBlocks(blocks, options.block, piece, k);
  };
  if (!bias && !slopes && modifiers.length === 0 && extras.length === 0) {
    const few = Math.floor(
      LARGEST / Math.max(1, B * H * (options.count * options.block + Lk / options.block)),
    );
    const { scale } = parts;
    return {
      out: byPieces(given, Math.max(1, few), (piece) =>
        selectedAttention({ q: piece.q, k, v, slots: choose(piece) }, { scale }),
      ),
    };
  }
  const selected = selectedBias(choose(given), Lk);
  const hidden = bias ? binary<'B H Lq Lk'>(selected, bias, 'add') : selected;
  return softmaxAttention('mixture-of-blocks', { ...call, bias: hidden }, parts);
}

/** The own block of each query first, then the best of those before it, `[B, Lq, H, c]`; −1 for none. */
function chosenBlocks(
  call: OwnCall,
  means: Tensor,
  there: Tensor | undefined,
  { block, count }: BlockOptions,
): Tensor {
  const { device } = means;
  const [B, Lq, H, D] = call.q.shape as [number, number, number, number];
  const [, n, Hkv] = means.shape as [number, number, number];
  const { queries } = placesOf(call, device, Lq, call.k.shape[1]!);
  const row = ownBlocks(call, call.k, Lq, block);
  const own = binary(zeros(device, [B, Lq, H, 1]), row.reshape([row.shape[0]!, Lq, 1, 1]), 'add');
  const others = Math.min(count - 1, n);
  if (others === 0) return own;
  // the query heads of a group stand together
  const turned = permute(stopGradient(call.q), [0, 2, 1, 3]).reshape([B * Hkv, (H / Hkv) * Lq, D]);
  const likes = matmul(turned, permute(means, [0, 2, 3, 1]).reshape([B * Hkv, D, n]));
  const gates = permute(likes.reshape([B, H, Lq, n]), [0, 2, 1, 3]);
  // a block that ends before the query's own begins: (j + 1) · block ≤ p
  const ends = binary(counting(device, n), number(device, 1), 'add');
  const past = binary(
    binary(ends, number(device, block), 'multiply'),
    queries.reshape([queries.shape[0]!, Lq, 1, 1]),
    'less-equal',
  );
  const seen = there ? binary(past, there.reshape([B, 1, 1, n]), 'multiply') : past;
  const { values, indices } = topK(where(seen, gates, number(device, -Infinity)), others);
  const none = binary(values, number(device, LEAST), 'less');
  const best = where(none, number(device, -1), cast(indices, 'f32'));
  return concat(own, best);
}

function runsOf({ block }: BlockOptions): { readonly every: number; readonly over: number } {
  return { every: block, over: block };
}

/** Over the positions of `Lq` queries at the end of `Lk` tokens. */
function sumOver(Lq: number, Lk: number, of: (position: number) => number): number {
  let sum = 0;
  for (let position = Math.max(0, Lk - Lq); position < Lk; position++) sum += of(position);
  return sum;
}
