import { binary, type Tensor } from '@headwise/tensor';
import { checkCount } from '../checks.ts';
import type { AttendResult, ScoreParts } from '../contract.ts';
import { seenPairs } from '../cost.ts';
import { selectKeys } from '../ops/select-keys.ts';
import { selectedAttention, selectedBias } from '../ops/selected-attention.ts';
import type { OwnCall } from '../own-attention.ts';
import { softmaxVariant } from '../softmax-variant.ts';
import { project, softmaxAttention, splitHeads } from '../wiring.ts';

/**
 * Attention over indexed keys (DeepSeek sparse attention): a small indexer scores every earlier token, and each query
 * reads the keys and values of the best `count` alone, the same for all of its heads.
 *
 * ```text
 * qI [B, L, J, dI] = indexQuery · x,  kI [B, L, dI] = indexKey · x,  w [B, L, J] = indexWeight · x
 * I[b,i,j] = Σ_h w[b,i,h] · max(0, qI[b,i,h] · kI[b,j])
 * y        = softmax over the `count` largest I of (scale · q · k) · v      the lower token first on ties
 * state rows: k [Hkv, D], v [Hkv, Dv], index [dI]
 * ```
 *
 * A step reads `Lk · dI` numbers of index keys and `count` keys and values, whatever Lk is; a `count` that covers
 * everything is full attention. The choice has no gradient: the papers train the indexer by itself, towards the
 * weights of full attention. Where a bias, slopes or modifiers act on the scores, or what is not selected is asked for
 * too (extras), everything is read under a bias that hides the rest.
 *
 * In the score form the index is made from `x`, that of queries and keys; without it everything is read.
 *
 * @see DeepSeek-AI 2025, "DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models", section 2.1,
 * {@link https://arxiv.org/abs/2512.02556}
 */
export const indexed = softmaxVariant({
  name: 'indexed',
  title: 'Attention over indexed keys (DeepSeek sparse attention)',
  summary: 'A small indexer chooses the keys that each query reads: a step reads no more of a longer text.',
  paper: {
    title: 'DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models',
    authors: 'DeepSeek-AI',
    year: 2025,
    arxiv: '2512.02556',
  },
  defaults: {
    /** Keys that a query reads. */
    count: 2048,
    /** Heads of the indexer. */
    heads: 4,
    /** Width of an index key. */
    width: 32,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ scale }) => ({ causal: true, scale }),
  parameters: ({ E }, { heads, width }) => ({
    indexQuery: [heads * width, E],
    indexKey: [width, E],
    indexWeight: [heads, E],
  }),
  choosing: ['indexQuery', 'indexKey', 'indexWeight'],
  own: {
    rows: (_, { width }) => ({ index: [width] }),
    made: (x, weights) => ({ index: project(x, weights, 'indexKey') }),
    reads: (Lq, Lk, { count }) => Math.min(Lk, Lq * count),
    flops: (Lq, Lk, _, { heads, width }) => 2 * seenPairs(Lq, Lk, { causal: true }) * heads * (width + 1),
    attend,
  },
  pairs: (Lq, Lk, { count }) => seenPairs(Lq, Lk, { causal: true, window: [count - 1, 0] }),
  check: (_, { count, heads, width }) => {
    for (const [name, value] of Object.entries({ count, heads, width })) checkCount('indexed', name, value);
  },
});

interface IndexOptions {
  readonly count: number;
  readonly heads: number;
}

function attend(call: OwnCall, parts: ScoreParts, { count, heads }: IndexOptions): AttendResult {
  const { q, k, v, x, rows, weights, bias, slopes, modifiers = [], extras = [] } = call;
  if (!rows.index || !x) return softmaxAttention('indexed', call, parts);
  const slots = selectKeys(
    {
      q: splitHeads(project(x, weights, 'indexQuery'), heads),
      k: rows.index,
      w: project(x, weights, 'indexWeight'),
    },
    count,
    call,
  );
  if (!bias && !slopes && modifiers.length === 0 && extras.length === 0)
    return { out: selectedAttention({ q, k, v, slots } as Selected, { scale: parts.scale }) };
  const selected = selectedBias(slots, k.shape[1]!);
  const hidden = bias ? binary<'B H Lq Lk'>(selected, bias, 'add') : selected;
  return softmaxAttention('indexed', { ...call, bias: hidden }, parts);
}

type Selected = {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly slots: Tensor<string, 'i32'>;
};
