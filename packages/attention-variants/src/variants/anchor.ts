import { ValueError } from '@headwise/tensor';
import { checkCount } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/** Seen for ever: past every position. */
const ALWAYS = 2 ** 24;

/**
 * Anchor attention (AnSAN of AnLLM): a token sees its own segment up to itself, and of every earlier segment only
 * its last token, the anchor, into which the segment was gathered. When a segment has ended its other keys and
 * values may be dropped: up to 99 % of a cache.
 *
 * ```text
 * seen: p_k ≤ p_q and (same segment, or k is an anchor)
 * ```
 *
 * Segments are of one length here, or what the state says: `segments: 'state'` reads the view's `keyUntil` (the
 * last query that sees a key), which a cache that knows the sentences hands out. `anchorUntil` makes it.
 *
 * @see Pang et al. 2024, "Anchor-based Large Language Models", section 3.1 and figure 2,
 * {@link https://arxiv.org/abs/2402.07616}
 */
export const anchor = softmaxVariant({
  name: 'anchor',
  title: 'Anchor attention (AnLLM)',
  summary: 'Of finished segments only the anchor stays visible: the rest of their cache can go.',
  paper: {
    title: 'Anchor-based Large Language Models',
    authors: 'Pang et al.',
    year: 2024,
    arxiv: '2402.07616',
  },
  defaults: {
    /** Tokens of a segment, its anchor (the last one) among them; `'state'` for what the state says. */
    segments: 64 as number | 'state',
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ segments, scale }) => ({
    causal: true,
    scale,
    segments: segments === 'state' ? undefined : { length: segments, anchors: true },
  }),
  check: (_, { segments }) => {
    if (segments !== 'state') checkCount('anchor', 'segments', segments, "or 'state'");
  },
  pairs(Lq, Lk, { segments }) {
    let pairs = 0;
    for (let p = Math.max(0, Lk - Lq); p < Lk; p++) {
      pairs += segments === 'state' ? p + 1 : Math.floor(p / segments) + (p % segments) + 1;
    }
    return pairs;
  },
});

/**
 * The last query position that sees each token, from which tokens are anchors: an anchor always, another token
 * until the anchor that ends its segment, one of the unfinished segment always.
 *
 * @param anchors one row a sequence, `true` (or 1) where a token ends its segment
 * @returns `[B · L]`, for the `keyUntil` of a call
 * @throws {ValueError} if the rows differ in length, or were forgotten.
 */
export function anchorUntil(anchors: readonly (readonly (boolean | number)[])[]): Int32Array {
  if (!Array.isArray(anchors as unknown))
    throw new ValueError('anchorUntil', 'anchors', 'must be a list of rows, one a sequence', anchors);
  const L = anchors[0]?.length ?? 0;
  const until = new Int32Array(anchors.length * L).fill(ALWAYS); // [B, L]
  anchors.forEach((row, b) => {
    if (row.length !== L)
      throw new ValueError('anchorUntil', `anchors[${b}]`, `must be ${L} long like the first`, row.length);
    let start = 0;
    row.forEach((ends, position) => {
      if (!ends) return;
      until.fill(position, b * L + start, b * L + position);
      start = position + 1;
    });
  });
  return until;
}
