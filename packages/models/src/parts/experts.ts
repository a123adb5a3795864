import { binary, expertLinear, linear, reduce, swiglu, type Tensor } from '@headwise/tensor';
import type { Mlp } from './feed-forward.ts';
import { type Routing, softmaxOfChosen } from './routing.ts';

/** Options of a mixture of experts. */
export interface ExpertsOptions {
  /** Experts of a layer. */
  readonly X: number;
  /** Experts that a token goes to. */
  readonly k: number;
  /** Inner width of one expert. */
  readonly F: number;
  /** The router and the projections have biases. Default false. */
  readonly bias?: boolean | undefined;
  /** What joins the two halves of an expert's inner width. Default `swiglu`. */
  readonly gate?: ((gate: Tensor<'N S O'>, up: Tensor<'N S O'>) => Tensor<'N S O'>) | undefined;
  /** Which experts a token goes to, and with what share. Default `softmaxOfChosen`. */
  readonly route?: Routing | undefined;
}

/**
 * A mixture of experts: of `X` feed-forwards a token goes to the `k` that its routing chooses by the scores of its
 * router, and their outputs are added by shares. Without a routing of its own it is Mixtral's: the highest scores, and
 * their softmax. The lower expert wins a tie.
 *
 * ```text
 * r = router · x [X]      e_1 … e_k, share_1 … share_k = route(r)
 * y = Σ_s share_s · (down_e_s · act(gate_e_s · x, up_e_s · x))
 * gate, up [X · F, E]   down [X · E, F]      the experts one under the other
 * ```
 *
 * Where a token goes is never read back: `expertLinear` takes the ids on the device, and reads the weights of the
 * chosen experts alone.
 *
 * Shazeer et al. 2017, "Outrageously Large Neural Networks", eq. 1 and 2; Jiang et al. 2024, "Mixtral of Experts",
 * section 2.1.
 *
 * @throws {ValueError} when it runs, if `k` is not in `1 … X`.
 */
export function createExperts({
  X,
  k,
  F,
  bias = false,
  gate: act = swiglu,
  route = softmaxOfChosen,
}: ExpertsOptions): Mlp {
  return {
    name: 'experts',
    parameters: (E) => ({
      router: [X, E],
      ...(bias && { 'router.bias': [X] }),
      ...route.parameters(X),
      gate: [X * F, E],
      ...(bias && { 'gate.bias': [X, F] }),
      up: [X * F, E],
      ...(bias && { 'up.bias': [X, F] }),
      down: [X * E, F],
      ...(bias && { 'down.bias': [X, E] }),
    }),
    apply(x, weights) {
      const [B, L, E] = x.shape as [number, number, number];
      const tokens = x.reshape([B * L, 1, E]);
      const scores = linear(x.reshape([B * L, E]), weights.router!, { bias: weights['router.bias'] });
      const { experts, shares } = route.choose(scores, k, { x: tokens, weights }); // [B · L, k]
      const chosen = (of: Tensor, by: string): Tensor<'N S O'> =>
        expertLinear(of, weights[by]!, experts, { experts: X, bias: weights[`${by}.bias`] });
      const each = chosen(act(chosen(tokens, 'gate'), chosen(tokens, 'up')), 'down'); // [B · L, k, E]
      const weighted = binary(each, shares.reshape([B * L, k, 1]), 'multiply');
      return reduce(weighted, 'sum', [1]).reshape([B, L, E]);
    },
  };
}
