import { add, binary, linear, type Tensor, unary } from '@headwise/tensor';
import { within } from '../block.ts';
import type { Mlp } from './feed-forward.ts';

/** Under which the weights of the shared one stand. */
const SHARED = 'shared.';

/**
 * Experts, and beside them a feed-forward that every token goes through: what all need stands there, and not in each
 * expert. Its weights are named `shared.up`, …
 *
 * ```text
 * y = experts(x) + shared(x)
 * ```
 *
 * Dai et al. 2024, "DeepSeekMoE", section 3.2, eq. 9. Never throws.
 */
export function besideShared(experts: Mlp, shared: Mlp): Mlp {
  return {
    name: `${experts.name} and a shared one, ${shared.name}`,
    parameters: (E) => ({
      ...experts.parameters(E),
      ...Object.fromEntries(
        Object.entries(shared.parameters(E)).map(([name, shape]) => [`${SHARED}${name}`, shape]),
      ),
    }),
    apply: (x, weights) => add(experts.apply(x, weights), shared.apply(x, within(weights, SHARED))),
  };
}

/**
 * A feed-forward that each token opens as far as it needs it.
 *
 * ```text
 * y = σ(open · x) · mlp(x)      open [1, E]
 * ```
 *
 * Qwen Team 2024, "Qwen2 Technical Report", section 2.2.2 (the shared expert of its mixture). Never throws.
 */
export function openedByToken(mlp: Mlp): Mlp {
  return {
    name: `gated ${mlp.name}`,
    parameters: (E) => ({ ...mlp.parameters(E), open: [1, E] }),
    apply: (x, weights) =>
      binary(
        mlp.apply(x, weights),
        unary(linear(x, weights.open!), 'sigmoid'),
        'multiply',
      ) as Tensor<'B L E'>,
  };
}
