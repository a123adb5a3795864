import type { NoEncoding } from '@headwise/tensor';
import { defineEncoding } from '../contract.ts';

/**
 * No position encoding (NoPE): a decoder still knows order, because a token sees only those before it; an encoder
 * would see a bag of words. Some models leave every fourth layer without one (Llama 4, SmolLM3, Command R7B).
 *
 * @throws {ValueError} if it is given an option: it has none.
 * @see Kazemnejad et al. 2023, "The Impact of Positional Encoding on Length Generalization in Transformers",
 * {@link https://arxiv.org/abs/2305.19466}
 */
export const none = /* @__PURE__ */ defineEncoding(
  {
    name: 'none',
    title: 'No position encoding (NoPE)',
    kind: 'none',
    summary: 'Leaves order to the causal mask.',
    paper: {
      title: 'The Impact of Positional Encoding on Length Generalization in Transformers',
      authors: 'Kazemnejad et al.',
      year: 2023,
      arxiv: '2305.19466',
    },
  },
  {},
  (_: Record<never, never>): NoEncoding => ({ kind: 'none', name: 'none' }),
);
