import { checkCount } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Chunked attention: the sequence is cut into chunks of `C` tokens, and a query sees its own chunk up to itself.
 * The cache holds one chunk, and a decode step reads at most one. Unlike a window, a token right after a cut sees
 * nothing before it; Llama 4 puts a layer of full attention after every three.
 *
 * ```text
 * seen: p_k ≤ p_q and ⌊p_k / C⌋ = ⌊p_q / C⌋
 * ```
 *
 * @see Child et al. 2019, "Generating Long Sequences with Sparse Transformers", section 4.2 (the local part),
 * {@link https://arxiv.org/abs/1904.10509}; Llama 4's chunked layers
 */
export const chunked = softmaxVariant({
  name: 'chunked',
  title: 'Chunked attention',
  summary: 'A query sees its own chunk of C tokens: a cache of one chunk.',
  paper: {
    title: 'Generating Long Sequences with Sparse Transformers',
    authors: 'Child et al.',
    year: 2019,
    arxiv: '1904.10509',
  },
  defaults: {
    /** Tokens of a chunk. */
    chunk: 128,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  cap: ({ chunk }) => chunk,
  score: ({ chunk, scale }) => ({
    causal: true,
    scale,
    window: [chunk - 1, 0],
    segments: { length: chunk, anchors: false },
  }),
  check: (_, { chunk }) => checkCount('chunked', 'chunk', chunk),
  pairs(Lq, Lk, { chunk }) {
    let pairs = 0;
    for (let p = Math.max(0, Lk - Lq); p < Lk; p++) pairs += (p % chunk) + 1;
    return pairs;
  },
});
