import { type Choice, defineChoice, defineRule } from '../contract.ts';
import { checkNumber, checkOptions } from '../errors.ts';
import { keepExactly } from '../filters/keep.ts';
import { crossing } from '../select.ts';

/** Options of {@link mirostat2}; surprise in bits. */
export interface Mirostat2Options {
  /** Target surprise in bits. */
  readonly tau?: number;
  /** Learning rate. */
  readonly eta?: number;
}

/** What Mirostat remembers from token to token. */
export interface MirostatState {
  /** The greatest surprise a token may have, in bits. */
  mu: number;
  /** Surprise of the last token in bits, after renormalising. */
  surprise: number | null;
  /** How many tokens the last draw was among. */
  kept: number | null;
}

/**
 * Mirostat, second version: holds the surprise of the text at a target by moving a limit on the surprise of a
 * single token.
 *
 * ```text
 * keep −log2 p_i ≤ μ (at least one token), renormalise, draw, p descending
 * surprise = −log2 p;  μ ← μ − η · (surprise − τ),  μ starts at 2τ
 * ```
 *
 * @see Basu et al. 2021, "Mirostat: A Neural Text Decoding Algorithm that Directly Controls Perplexity",
 * {@link https://arxiv.org/abs/2007.14966}; llama.cpp's form.
 *
 * @throws {SamplingError} if `tau` or `eta` is no number ≥ 0.
 */
export function mirostat2(options: Mirostat2Options = {}): Choice {
  checkOptions('mirostat-2', options);
  const { tau = 5, eta = 0.1 } = options;
  checkNumber('mirostat-2', 'tau', tau, { atLeast: 0 });
  checkNumber('mirostat-2', 'eta', eta, { atLeast: 0 });
  return defineChoice<MirostatState>({
    name: 'mirostat-2',
    options: { tau, eta },
    start: () => ({ mu: 2 * tau, surprise: null, kept: null }),
    choose(candidates, { random }, state) {
      const edge = 2 ** -state.mu * candidates.total;
      if (edge > 1) keepExactly(candidates, 1);
      else {
        const { weights } = candidates;
        candidates.retain((i) => weights[i]! >= edge);
      }
      const { size, logits, weights, total } = candidates;
      const index = crossing(logits, weights, size, random.next() * total, true, candidates.scratchOrder());
      state.surprise = Math.log2(total / weights[index]!);
      state.kept = size;
      state.mu -= eta * (state.surprise - tau);
      return index;
    },
  });
}

export const mirostat2Rule = defineRule({
  name: 'mirostat-2',
  formula: 'keep −log2 p ≤ μ; μ ← μ − η · (−log2 p − τ)',
  source: {
    title: 'Mirostat: A Neural Text Decoding Algorithm that Directly Controls Perplexity',
    authors: 'Basu et al.',
    year: 2021,
    url: 'https://arxiv.org/abs/2007.14966',
  },
  defaults: { tau: 5, eta: 0.1 },
  build: (options) => mirostat2(options),
});
