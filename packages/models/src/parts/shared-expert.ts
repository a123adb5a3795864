import { add, binary, linear, type Tensor, unary } from '@headwise/tensor';
import { within } from '../block.ts';
import { type Activation, gateBy } from './activations.ts';
import { createExperts, type ExpertsOptions } from './experts.ts';
import { createGatedMlp, type Mlp } from './feed-forward.ts';

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

/** Options of experts and a shared one that are gated alike. */
export interface GatedExpertsOptions extends Omit<ExpertsOptions, 'gate' | 'bias'> {
  /** Inner width of the one that every token goes through. */
  readonly sharedF: number;
  readonly activation: Activation;
  /** That one has biases. Default false. */
  readonly sharedBias?: boolean | undefined;
}

/** `besideShared` of experts and a feed-forward with the same activation, as DeepSeek's. @throws as `createExperts` does. */
export function gatedExperts({ sharedF, activation, sharedBias, ...experts }: GatedExpertsOptions): Mlp {
  return besideShared(
    createExperts({ ...experts, gate: (gate, up) => gateBy(activation, gate, up) }),
    createGatedMlp({ F: sharedF, activation, bias: sharedBias }),
  );
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
