import { ShapeError, swiglu, type Tensor } from '@headwise/tensor';
import { checkCount } from '../checks.ts';
import type { AttentionVariant } from '../contract.ts';
import { deltaVariant } from '../delta-variant.ts';
import { project } from '../wiring.ts';

/** Options of Gated DeltaNet. */
export interface GatedDeltaOptions {
  /** Heads of queries and keys, each for as many of the values; `undefined` for as many as of values. */
  readonly Hk: number | undefined;
  /** Tokens that the short convolution mixes, the own one among them; at least 2. */
  readonly kernel: number;
  /** Added to the mean square in the norm of the output. */
  readonly eps: number;
}

type GatedDelta = AttentionVariant<'gated-delta', GatedDeltaOptions>;

/**
 * Gated DeltaNet: a state of constant size that is corrected, not only added to. A key first reads what it would be
 * answered, and only the difference to its value is written (the delta rule); before that a gate of each head and token
 * lets the whole state fade.
 *
 * ```text
 * q, k [B, L, Hk, D], v [B, L, H, Dv]        projected, through a short causal convolution and SiLU; q and k of length 1
 * α [B, L, H] = exp(−exp(logRate) · softplus(forget · x + bias))      what is kept
 * β [B, L, H] = σ(beta · x)                                           how much of the correction is written
 * S [H, D, Dv] ← α · S;   S ← S + k · (β · (v − Sᵀk))ᵀ;   o = Sᵀq / √D
 * y [B, L, E] = o-projection of rmsNorm(o) ∘ silu(gate · x)
 * ```
 *
 * What a layer keeps, S and the last `kernel − 1` rows of q, k and v before their convolution, does not grow; time
 * `O(B · L · H · D · Dv)`, a decode step the same at every length. Layers of it stand between a few with full attention
 * (three to one in Qwen3-Next), because a state of this size cannot recall everything.
 *
 * @see Yang et al. 2024, "Gated Delta Networks: Improving Mamba2 with Delta Rule", eq. 10 and section 3.4,
 * {@link https://arxiv.org/abs/2412.06464}
 */
export const gatedDelta: GatedDelta = deltaVariant({
  name: 'gated-delta',
  title: 'Gated DeltaNet',
  summary: 'A state of constant size that corrects what a key is answered, under a gate that forgets.',
  paper: {
    title: 'Gated Delta Networks: Improving Mamba2 with Delta Rule',
    authors: 'Yang et al.',
    year: 2024,
    arxiv: '2412.06464',
  },
  defaults: { Hk: undefined, kernel: 4, eps: 1e-6 } as GatedDeltaOptions,

  queryHeads({ H }, { Hk = H }) {
    checkCount('gated-delta', 'Hk', Hk);
    if (H % Hk !== 0) {
      const problem = `H = ${H} heads of values cannot be split among Hk = ${Hk} heads of keys: Hk must divide H`;
      throw new ShapeError('gated-delta', problem, [], 'Hk');
    }
    return Hk;
  },

  forgets: ({ E, H }) => ({ forget: [H, E], 'forget.bias': [H] }),
  forget: (x, weights) => project(x, weights, 'forget'),

  gates: ({ E, H, Dv }) => ({ gate: [H * Dv, E] }),
  gate: (out, x, weights) => swiglu(project(x, weights, 'gate'), out) as Tensor,
});
