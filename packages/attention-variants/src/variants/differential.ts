import { add, rmsNorm, ValueError } from '@headwise/tensor';
import { differentialMix, type LambdaVectors } from '../ops/differential-mix.ts';
import { softmaxVariant } from '../softmax-variant.ts';

/**
 * Differential attention: heads come in pairs over one value of twice the width, and the second's softmax map is
 * subtracted from the first's, which cancels the weight that both put on irrelevant tokens. `H` counts maps, so
 * that projections and cache are those of multi-head attention: `H / 2` differential heads of width `2 · Dv`.
 *
 * ```text
 * q, k [B, L, H, D]     heads 2h and 2h + 1 are the maps of differential head h
 * v    [B, L, H/2, 2·Dv]
 * A    = softmax(q_2h · k_2hᵀ / √D) − λ · softmax(q_2h+1 · k_2h+1ᵀ / √D)
 * λ    = exp(λq1 · λk1) − exp(λq2 · λk2) + λ_init       λ_init = 0.8 − 0.6 · exp(−0.3 · layer), layer from 0
 * out  = (1 − λ_init) · rmsNorm(A · v)                  [B, L, H/2, 2·Dv], a norm a head
 * ```
 *
 * Combining two rows needs whole rows: element-wise modifiers cannot say it. `weights` are A; `lse` and scores
 * are not defined for a difference.
 *
 * @see Ye et al. 2024, "Differential Transformer", section 2.1, {@link https://arxiv.org/abs/2410.05258}
 */
export const differential = softmaxVariant({
  name: 'differential',
  title: 'Differential attention',
  summary: 'The difference of two softmax maps, which cancels what both waste on irrelevant tokens.',
  paper: { title: 'Differential Transformer', authors: 'Ye et al.', year: 2024, arxiv: '2410.05258' },
  defaults: {
    /** λ_init; `undefined` for `0.8 − 0.6 · exp(−0.3 · layer)`. */
    lambdaInit: undefined as number | undefined,
    /** Of the norm of each head. */
    normEps: 1e-5,
    /** Key heads (maps, so an even number); `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Query at position p sees keys at positions ≤ p. */
    causal: true,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ causal, scale }) => ({ causal, scale }),
  parameters: ({ D, Dv = D }) => ({
    lambdaQ1: [D],
    lambdaK1: [D],
    lambdaQ2: [D],
    lambdaK2: [D],
    norm: [2 * Dv],
  }),
  row: {
    maps: 2,
    combine([first, second], weights, options, layer) {
      const { lambdaQ1, lambdaK1, lambdaQ2, lambdaK2 } = weights;
      const vectors = { lambdaQ1, lambdaK1, lambdaQ2, lambdaK2 } as LambdaVectors;
      return differentialMix(first!, second!, vectors, lambdaInit(options, layer));
    },
    finish(out, { norm }, options, layer) {
      const normed = rmsNorm(out, norm, { eps: options.normEps });
      return add(normed, normed, { scale: -lambdaInit(options, layer) });
    },
  },
  checkExtras(extras) {
    const other = extras.find((name) => name !== 'weights');
    if (other === undefined) return;
    const rule = 'has no meaning for a difference of two maps; ask for weights';
    throw new ValueError('differential', 'extras', rule, other);
  },
});

/** Ye et al. 2024, eq. 2 below, counted from 0 as in code (the paper counts layers from 1). */
function lambdaInit(
  { lambdaInit: given }: { readonly lambdaInit?: number | undefined },
  layer: number,
): number {
  return given ?? 0.8 - 0.6 * Math.exp(-0.3 * layer);
}
