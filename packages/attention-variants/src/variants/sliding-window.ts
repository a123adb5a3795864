import { checkChoice, checkWindow } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/** `mistral`: W tokens, the query's own among them. `attention-gym`: the query and the W before it, W + 1. */
export type WindowConvention = 'mistral' | 'attention-gym';

/**
 * Sliding-window attention (SWA): a query sees the last `W` tokens, itself among them. The cache stops growing at
 * W tokens, and so does the time of a decode step; prefill is linear in the length, `O(B · H · L · W · D)`.
 * Stacked layers still see further: layer n reaches `n · (W − 1)` tokens back.
 *
 * ```text
 * seen: 0 ≤ p_q − p_k < W            convention 'mistral' (Mistral, Hugging Face)
 *       0 ≤ p_q − p_k ≤ W            convention 'attention-gym': one more
 * ```
 *
 * @see Jiang et al. 2023, "Mistral 7B", section 2, {@link https://arxiv.org/abs/2310.06825}; Beltagy et al. 2020,
 * "Longformer", section 3.1, {@link https://arxiv.org/abs/2004.05150}
 */
export const slidingWindow = softmaxVariant({
  name: 'sliding-window',
  title: 'Sliding-window attention (SWA)',
  summary: 'A query sees the last W tokens: a cache that stops growing, a decode step that stops slowing.',
  paper: { title: 'Mistral 7B', authors: 'Jiang et al.', year: 2023, arxiv: '2310.06825' },
  defaults: {
    /** Tokens a query sees, as `convention` counts them. */
    window: 128,
    convention: 'mistral' as WindowConvention,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** `false` for a window to both sides. Such a layer cannot decode, and keeps a window all the same. */
    causal: true,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  cap: (options) => before(options) + 1,
  score: (options) => ({
    causal: options.causal,
    scale: options.scale,
    window: [before(options), options.causal ? 0 : before(options)],
  }),
  check: (_, { window, convention }) => {
    checkWindow('sliding-window', window);
    checkChoice('sliding-window', 'convention', convention, ['mistral', 'attention-gym']);
  },
});

/** Tokens before the query that it sees. */
function before({
  window,
  convention,
}: {
  readonly window: number;
  readonly convention: WindowConvention;
}): number {
  return convention === 'mistral' ? window - 1 : window;
}
