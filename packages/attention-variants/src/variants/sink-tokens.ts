import { checkCount, checkWindow } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Attention with kept sink tokens (StreamingLLM): a window of `W` tokens, and the first few tokens of the sequence
 * for good. Models put much weight on the first tokens whatever these are; dropping them with the rest of what a
 * window forgets ruins the output, keeping four of them saves it. The cache holds `sinks + W` tokens.
 *
 * ```text
 * seen: p_k ≤ p_q and (p_q − p_k < W or p_k < sinks)
 * ```
 *
 * The paper also counts positions inside the cache, so that no distance grows beyond it: that is the cache's
 * (`turnsKeys`), not the score's.
 *
 * @see Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks", section 3.2,
 * {@link https://arxiv.org/abs/2309.17453}
 */
export const sinkTokens = softmaxVariant({
  name: 'sink-tokens',
  title: 'Attention with kept sink tokens (StreamingLLM)',
  summary: 'A window, and the first tokens for good: endless streams from a cache of constant size.',
  paper: {
    title: 'Efficient Streaming Language Models with Attention Sinks',
    authors: 'Xiao et al.',
    year: 2023,
    arxiv: '2309.17453',
  },
  defaults: {
    /** First tokens of the sequence that are never forgotten. */
    sinks: 4,
    /** Tokens a query sees beside them, itself among them. */
    window: 128,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  cap: ({ sinks, window }) => sinks + window,
  sinkTokens: ({ sinks }) => sinks,
  score: ({ sinks, window, scale }) => ({
    causal: true,
    scale,
    window: [window - 1, 0],
    sinkTokens: sinks,
  }),
  check: (_, { sinks, window }) => {
    checkWindow('sink-tokens', window);
    checkCount('sink-tokens', 'sinks', sinks, 'a window without sinks is sliding-window');
  },
});
