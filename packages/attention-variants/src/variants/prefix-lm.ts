import { NOBODY, ValueError } from '@headwise/tensor';
import { checkCount } from '../checks.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Prefix-LM attention: the tokens of the prefix (the prompt) see each other in both directions, what follows is
 * causal. Costs and keeps the same as multi-head attention.
 *
 * ```text
 * seen: p_k ≤ p_q or p_k < prefix
 * ```
 *
 * A token of the prefix sees later ones, so the prefix comes in one call: a chunk that ends inside it is refused.
 *
 * @see Raffel et al. 2019, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
 * section 3.2.1 and figure 4, {@link https://arxiv.org/abs/1910.10683}
 */
export const prefixLm = softmaxVariant({
  name: 'prefix-lm',
  title: 'Prefix-LM attention',
  summary: 'The prompt is read in both directions, what follows is causal.',
  paper: {
    title: 'Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer',
    authors: 'Raffel et al.',
    year: 2019,
    arxiv: '1910.10683',
  },
  defaults: {
    /** Tokens at the start that see each other: the length of the prompt. */
    prefix: 4,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ prefix, scale }) => ({
    causal: true,
    scale,
    prefix,
  }),
  check: (_, { prefix }) => checkCount('prefix-lm', 'prefix', prefix, 'the length of the prompt'),
  checkCall({ state, positions: { host, shape }, options: { prefix } }) {
    const [rows, L] = shape;
    const brings = (b: number): boolean => {
      const row = rows === 1 ? 0 : b;
      return host.subarray(row * L, (row + 1) * L).some((position) => position !== NOBODY);
    };
    const cut = state.lengths.find((length, b) => length > 0 && length < prefix && brings(b));
    if (cut === undefined) return;
    const rule = `must come in one call, since its tokens see each other; the calls so far ended at ${cut}`;
    throw new ValueError('prefix-lm', 'the prefix', rule, prefix);
  },
  pairs(Lq, Lk, { prefix }) {
    let pairs = 0;
    for (let p = Math.max(0, Lk - Lq); p < Lk; p++) pairs += Math.max(p + 1, Math.min(prefix, Lk));
    return pairs;
  },
});
