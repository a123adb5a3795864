import type { Candidates } from '../candidates.ts';
import { type Choice, defineChoice, defineRule } from '../contract.ts';
import { checkNumber, checkOptions, SamplingError } from '../errors.ts';
import type { Random } from '../random/contract.ts';

/** One relaxed draw over `n` candidates, ids ascending. */
export interface RelaxedDraw {
  /** `[n]` the candidates. */
  readonly ids: Uint32Array;
  /** `[n]` what goes forward; adds up to one. */
  readonly sample: Float64Array;
  /** The token where the sample is largest. */
  readonly id: number;
  /**
   * Carries a gradient `[n]` of a loss with respect to {@link sample} back to the logits:
   * `g_i = y_i · (d_i − Σ_j d_j y_j) / τ`, with `y` the soft sample, whichever went forward.
   * @throws {SamplingError} if the gradient has not `n` entries.
   */
  backward(gradient: ArrayLike<number>): Float64Array;
}

/** Options of {@link gumbelSoftmax}. */
export interface GumbelSoftmaxOptions {
  /** `τ`: towards 0 the sample becomes one-hot, for large values uniform. */
  readonly temperature?: number;
  /** Receives the relaxed sample behind every chosen token. */
  readonly onSample?: (draw: RelaxedDraw) => void;
}

/**
 * Gumbel-softmax: a draw one can differentiate through. The chosen token is a draw from `softmax(l)`, as with
 * Gumbel-max; the relaxed vector behind it goes to `onSample`.
 *
 * ```text
 * y = softmax((l − ln(−ln u)) / τ)        forward y, backward through y
 * ```
 *
 * @see Jang, Gu and Poole 2017, "Categorical Reparameterization with Gumbel-Softmax",
 * {@link https://arxiv.org/abs/1611.01144}
 *
 * @throws {SamplingError} if `temperature` is no number above 0. What `onSample` throws comes out of the step.
 */
export function gumbelSoftmax(options: GumbelSoftmaxOptions = {}): Choice {
  return relaxedChoice('gumbel-softmax', options, (soft) => soft);
}

export const gumbelSoftmaxRule = defineRule({
  name: 'gumbel-softmax',
  formula: 'y = softmax((l − ln(−ln u)) / τ); token argmax y',
  source: {
    title: 'Categorical Reparameterization with Gumbel-Softmax',
    authors: 'Jang et al.',
    year: 2017,
    url: 'https://arxiv.org/abs/1611.01144',
  },
  defaults: { temperature: 1 },
  build: (options) => gumbelSoftmax(options),
});

/** The common body of the soft and the straight-through form, which differ in what goes forward. */
export function relaxedChoice(
  name: string,
  options: GumbelSoftmaxOptions,
  forward: (soft: Float64Array, best: number) => Float64Array,
): Choice {
  checkOptions(name, options);
  const { temperature = 1, onSample } = options;
  checkNumber(name, 'temperature', temperature, { above: 0 }, 'gumbel-max is the limit at 0');
  return defineChoice({
    name,
    options: { temperature },
    choose(candidates, { random }) {
      const { soft, best } = relax(candidates, random, temperature);
      onSample?.({
        ids: candidates.ids.slice(0, candidates.size),
        sample: forward(soft, best),
        id: candidates.ids[best]!,
        backward: (gradient) => backward(name, soft, temperature, gradient),
      });
      return best;
    },
    distribution() {},
  });
}

function relax(
  candidates: Candidates,
  random: Random,
  temperature: number,
): { readonly soft: Float64Array; readonly best: number } {
  const { size, logits } = candidates;
  // u = 0 would be a perturbation of −∞; half the smallest step of the generator stands in for it
  const soft = logits
    .slice(0, size)
    .map((l) => (l - Math.log(-Math.log(random.next() || 2 ** -54))) / temperature);
  let best = 0;
  for (let i = 1; i < size; i++) if (soft[i]! > soft[best]!) best = i;
  const max = soft[best]!;
  let total = 0;
  for (let i = 0; i < size; i++) total += soft[i] = Math.exp(soft[i]! - max);
  for (let i = 0; i < size; i++) soft[i]! /= total;
  return { soft, best };
}

function backward(
  name: string,
  soft: Float64Array,
  temperature: number,
  gradient: ArrayLike<number>,
): Float64Array {
  if (gradient.length !== soft.length) {
    throw new SamplingError(
      name,
      `the gradient has ${gradient.length} entries, the sample has ${soft.length}`,
    );
  }
  let mean = 0;
  for (let i = 0; i < soft.length; i++) mean += gradient[i]! * soft[i]!;
  return soft.map((y, i) => (y * (gradient[i]! - mean)) / temperature);
}
