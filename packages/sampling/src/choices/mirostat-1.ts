import type { Candidates } from '../candidates.ts';
import { type Choice, defineChoice, defineRule } from '../contract.ts';
import { checkNumber, checkOptions, checkWhole } from '../errors.ts';
import { keepExactly } from '../filters/keep.ts';
import { crossing, kthLargest } from '../select.ts';
import type { MirostatState } from './mirostat-2.ts';

/** Options of {@link mirostat1}; surprise in bits. */
export interface Mirostat1Options {
  /** Target surprise in bits. */
  readonly tau?: number;
  /** Learning rate. */
  readonly eta?: number;
  /** How many of the best tokens the exponent is estimated from. */
  readonly m?: number;
}

/**
 * Mirostat, first version: holds the surprise of the text at a target by choosing `k` anew for every token, from
 * an estimate of the Zipf exponent of the distribution.
 *
 * ```text
 * ŝ = Σ t_i b_i / Σ t_i²,  t_i = ln((i + 2) / (i + 1)),  b_i = ln(p_i / p_{i+1}),  i < m − 1, p descending
 * ε = ŝ − 1,  k = ((ε · 2^μ) / (1 − V^(−ε)))^(1/ŝ)
 * draw among the top k, p descending;  surprise = −log2 p;  μ ← μ − η · (surprise − τ),  μ starts at 2τ
 * ```
 *
 * For equally likely tokens (`ŝ = 0`) the formula has no value; then `k = 2^μ`, whose surprise is `μ`.
 *
 * @see Basu et al. 2021, "Mirostat: A Neural Text Decoding Algorithm that Directly Controls Perplexity",
 * {@link https://arxiv.org/abs/2007.14966}
 *
 * @throws {SamplingError} if `tau` or `eta` is no number ≥ 0, or `m` is not a whole number ≥ 2.
 */
export function mirostat1(options: Mirostat1Options = {}): Choice {
  checkOptions('mirostat-1', options);
  const { tau = 5, eta = 0.1, m = 100 } = options;
  checkNumber('mirostat-1', 'tau', tau, { atLeast: 0 });
  checkNumber('mirostat-1', 'eta', eta, { atLeast: 0 });
  checkWhole('mirostat-1', 'm', m, 2);
  return defineChoice<MirostatState>({
    name: 'mirostat-1',
    options: { tau, eta, m },
    start: () => ({ mu: 2 * tau, surprise: null, kept: null }),
    choose(candidates, { random }, state) {
      const slope = exponent(candidates, m);
      keepExactly(candidates, depth(slope, state.mu, candidates.vocabulary));
      const { size, logits, weights, total } = candidates;
      const index = crossing(logits, weights, size, random.next() * total, true, candidates.scratchOrder());
      state.surprise = Math.log2(total / weights[index]!);
      state.kept = size;
      state.mu -= eta * (state.surprise - tau);
      return index;
    },
  });
}

/** Least squares through the origin of log-probability drops against log-rank steps. */
function exponent(candidates: Candidates, m: number): number {
  const best = largest(candidates, m);
  let products = 0;
  let squares = 0;
  for (let i = 0; i < best.length - 1; i++) {
    const t = Math.log((i + 2) / (i + 1));
    products += t * (best[i]! - best[i + 1]!);
    squares += t * t;
  }
  return squares === 0 ? 0 : products / squares;
}

/** The `m` largest logits, descending. */
function largest(candidates: Candidates, m: number): Float64Array {
  const { size, logits } = candidates;
  const keys = candidates.scratchKeys();
  keys.set(logits.subarray(0, size));
  // a selection leaves everything that is above the m-th largest before it, in no order
  if (size > m) kthLargest(keys, size, m);
  return keys.slice(0, Math.min(m, size)).sort().reverse();
}

function depth(slope: number, mu: number, vocabulary: number): number {
  if (slope < 1e-9) return clamp(2 ** mu, vocabulary);
  const epsilon = slope - 1;
  const scale = Math.abs(epsilon) < 1e-9 ? 1 / Math.log(vocabulary) : epsilon / (1 - vocabulary ** -epsilon);
  return clamp((scale * 2 ** mu) ** (1 / slope), vocabulary);
}

function clamp(k: number, vocabulary: number): number {
  return Math.max(1, Math.floor(Math.min(k, vocabulary)));
}

export const mirostat1Rule = defineRule({
  name: 'mirostat-1',
  formula: 'top-k with k from a Zipf fit; μ ← μ − η · (−log2 p − τ)',
  source: {
    title: 'Mirostat: A Neural Text Decoding Algorithm that Directly Controls Perplexity',
    authors: 'Basu et al.',
    year: 2021,
    url: 'https://arxiv.org/abs/2007.14966',
  },
  defaults: { tau: 5, eta: 0.1, m: 100 },
  build: (options) => mirostat1(options),
});
