import {
  add,
  binary,
  cast,
  linear,
  reduce,
  softmax,
  swiglu,
  type Tensor,
  tensor,
  topK,
} from '@headwise/tensor';
import type { Weights } from '../part.ts';
import type { Mlp } from './feed-forward.ts';

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
  /** What joins the two halves of an expert's inner width, `[B, L, X · F]` each. Default `swiglu`. */
  readonly gate?: ((gate: Tensor<'B L F'>, up: Tensor<'B L F'>) => Tensor<'B L F'>) | undefined;
}

/**
 * A mixture of experts, as Mixtral has it: of `X` feed-forwards a token goes to the `k` that its router scores highest,
 * and their outputs are weighted by the softmax of these scores.
 *
 * ```text
 * r = router · x [X]      share = softmax of the k largest r, 0 for the others [X]
 * y = Σ_e share_e · (down_e · act(gate_e · x, up_e · x))
 *   = down · (share ⊗ act(gate · x, up · x))      the experts side by side: gate, up [X · F, E], down [E, X · F]
 * ```
 *
 * The second line is what runs: a feed-forward of width `X · F` whose inner numbers are multiplied by the share of
 * their expert. Nothing is read back on the way, every device has the operations, and weights in fewer bits stay so;
 * the price is that experts with a share of 0 are computed too, `X / k` times the work of those that were chosen.
 *
 * Shazeer et al. 2017, "Outrageously Large Neural Networks", eq. 1 and 2; Jiang et al. 2024, "Mixtral of Experts",
 * section 2.1.
 *
 * @throws {ValueError} when it runs, if `k` is not in `1 … X`.
 */
export function createExperts({ X, k, F, bias = false, gate: act = swiglu }: ExpertsOptions): Mlp {
  return {
    name: 'experts',
    parameters: (E) => ({
      router: [X, E],
      ...(bias && { 'router.bias': [X] }),
      gate: [X * F, E],
      ...(bias && { 'gate.bias': [X * F] }),
      up: [X * F, E],
      ...(bias && { 'up.bias': [X * F] }),
      down: [E, X * F],
      // one a expert, weighted like its output
      ...(bias && { 'down.bias': [X, E] }),
    }),
    apply(x, weights) {
      const [B, L] = x.shape as [number, number];
      const shares = sharesOf(x, weights, X, k);
      const inner = act(
        linear<'B L F'>(x, weights.gate!, { bias: weights['gate.bias'] }),
        linear<'B L F'>(x, weights.up!, { bias: weights['up.bias'] }),
      );
      const shared = binary(inner.reshape([B, L, X, F]), shares.reshape([B, L, X, 1]), 'multiply');
      const y = linear<'B L E'>(shared.reshape([B, L, X * F]), weights.down!);
      const biases = weights['down.bias'];
      return biases ? add(y, linear(shares, biases, { transposed: true })) : y;
    },
  };
}

/** `[B, L, X]`: the share of every expert in a token, 0 for those it does not go to. The lower one wins a tie. */
function sharesOf(x: Tensor, weights: Weights, X: number, k: number): Tensor<'B L X'> {
  const [B, L] = x.shape as [number, number];
  const scores = linear(x, weights.router!, { bias: weights['router.bias'] });
  const { values, indices } = topK(scores, k); // [B, L, k]
  const experts = tensor(
    x.device,
    Float32Array.from({ length: X }, (_, e) => e),
    [X],
  );
  const chosen = binary(cast(indices, 'f32').reshape([B, L, k, 1]), experts, 'equal'); // [B, L, k, X]
  return reduce(binary(chosen, softmax(values).reshape([B, L, k, 1]), 'multiply'), 'sum', [2]);
}
