import { multiply, type Tensor, unary } from '@headwise/tensor';
import type { AttentionVariant } from '../contract.ts';
import { deltaVariant } from '../delta-variant.ts';
import { project } from '../wiring.ts';

/** Options of Kimi Delta Attention. */
export interface KimiDeltaOptions {
  /** Tokens that the short convolution mixes, the own one among them; at least 2. */
  readonly kernel: number;
  /** Added to the mean square in the norm of the output. */
  readonly eps: number;
}

type KimiDelta = AttentionVariant<'kimi-delta', KimiDeltaOptions>;

/**
 * Kimi Delta Attention (KDA): Gated DeltaNet whose forgetting is finer. Each channel of a key has a rate of its own, where
 * Gated DeltaNet has one a head; the gates are of low rank, and the output passes a sigmoid.
 *
 * ```text
 * q, k [B, L, H, D], v [B, L, H, Dv]         projected, through a short causal convolution and SiLU; q and k of length 1
 * α [B, L, H, D] = exp(−exp(logRate) · softplus(forgetUp · forgetDown · x + bias))      what each channel keeps
 * β [B, L, H]    = σ(beta · x)                                        how much of the correction is written
 * S [H, D, Dv] ← Diag(α) · S;   S ← S + k · (β · (v − Sᵀk))ᵀ;   o = Sᵀq / √D
 * y [B, L, E] = o-projection of rmsNorm(o) ∘ σ(gateUp · gateDown · x)
 * ```
 *
 * What a layer keeps, S and the last `kernel − 1` rows of q, k and v before their convolution, does not grow; time
 * `O(B · L · H · D · Dv)`. Kimi Linear has three such layers for each with full attention, and no positions anywhere.
 *
 * @see Kimi Team 2025, "Kimi Linear: An Expressive, Efficient Attention Architecture", eq. 1 and section 4,
 * {@link https://arxiv.org/abs/2510.26692}
 */
export const kimiDelta: KimiDelta = deltaVariant({
  name: 'kimi-delta',
  title: 'Kimi Delta Attention (KDA)',
  summary: 'Gated DeltaNet in which each channel of a key forgets at a rate of its own.',
  paper: {
    title: 'Kimi Linear: An Expressive, Efficient Attention Architecture',
    authors: 'Kimi Team',
    year: 2025,
    arxiv: '2510.26692',
  },
  defaults: { kernel: 4, eps: 1e-5 } as KimiDeltaOptions,

  forgets: ({ E, H, D, Dv }) => ({ forgetDown: [Dv, E], forgetUp: [H * D, Dv], 'forgetUp.bias': [H * D] }),
  forget: (x, weights) => project(project(x, weights, 'forgetDown'), weights, 'forgetUp'),

  gates: ({ E, H, Dv }) => ({ gateDown: [Dv, E], gateUp: [H * Dv, Dv] }),
  gate: (out, x, weights) =>
    multiply(out, unary(project(project(x, weights, 'gateDown'), weights, 'gateUp'), 'sigmoid')) as Tensor,
});
