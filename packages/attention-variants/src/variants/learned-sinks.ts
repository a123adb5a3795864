import { checkWindow } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Attention with learned sinks: each head has one more logit in its softmax, which takes weight and adds no value,
 * so that a head may look at nothing. The weights of a row add up to less than 1.
 *
 * ```text
 * weights = softmax([s_0 … s_Lk−1, sink_h]) without the last        y = weights · v
 *         = softmax(s) · σ(lse(s) − sink_h)
 * ```
 *
 * A logit that is not a key's needs the whole row: element-wise modifiers cannot say it. gpt-oss gives every
 * second layer a window of 128 tokens.
 *
 * @see OpenAI 2025, "gpt-oss-120b & gpt-oss-20b Model Card", section 2.2,
 * {@link https://arxiv.org/abs/2508.10925}; Miller 2023, "Attention Is Off By One" (a sink of 0)
 */
export const learnedSinks = softmaxVariant({
  name: 'learned-sinks',
  title: 'Attention with learned sinks',
  summary: 'One learned logit a head takes weight and adds no value, so that a head may look at nothing.',
  paper: {
    title: 'gpt-oss-120b & gpt-oss-20b Model Card',
    authors: 'OpenAI',
    year: 2025,
    arxiv: '2508.10925',
  },
  defaults: {
    /** Tokens a query sees, itself among them; `Infinity` for all. */
    window: Infinity,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  cap: ({ window }) => window,
  score: ({ window, scale }) => ({ causal: true, scale, window: [window - 1, 0] }),
  parameters: ({ H }) => ({ sinks: [H] }),
  row: { sinks: (weights) => weights.sinks! },
  check: (_, { window }) => {
    if (window !== Infinity) checkWindow('learned-sinks', window);
  },
});
