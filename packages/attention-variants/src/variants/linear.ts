import {
  gather,
  type LayerSpec,
  NOBODY,
  scope,
  sizeOf,
  type Tensor,
  tensor,
  unary,
  ValueError,
  zeros,
} from '@headwise/tensor';
import {
  checkAttendCall,
  checkGroups,
  checkLayerCall,
  checkLayerShape,
  refuseExtras,
  refuseScoreParts,
} from '../checks.ts';
import { checkKinds, resolveOptions } from '../configure.ts';
import { type AttentionVariant, defineVariant, type LayerCall, type LayerShape } from '../contract.ts';
import { sumCost } from '../cost.ts';
import { linearAttention } from '../ops/linear-attention.ts';
import { mergeHeads, project, rotate, splitHeads, withBiases } from '../wiring.ts';

export interface LinearOptions {
  /** Key/value heads; `undefined` for as many as there are query heads. */
  readonly Hkv: number | undefined;
  /** Added to the normaliser. */
  readonly eps: number;
  /** A token sees itself and earlier ones; else all of one call. */
  readonly causal: boolean;
}

type Linear = AttentionVariant<'linear', LinearOptions>;

/**
 * Linear attention: instead of a softmax, queries and keys pass through φ = elu + 1, and the sum over keys can be
 * taken before the queries come. What is kept is that sum, of a size that does not depend on the length.
 *
 * ```text
 * S [Hkv, D, Dv] += φ(k) · vᵀ      z [Hkv, D] += φ(k)       a token, a head
 * y = φ(q) · S / (φ(q) · z + eps)                           [B, L, H, Dv]; no 1 / √D
 * ```
 *
 * Prefill in parallel, decode as a recurrence, with the same numbers. Time `O(B · L · H · D · Dv)`; a decode step
 * costs the same at every length.
 *
 * @see Katharopoulos et al. 2020, "Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention",
 * eq. 7 and 16 to 20, {@link https://arxiv.org/abs/2006.16236}
 */
export const linear: Linear = defineVariant({
  name: 'linear',
  title: 'Linear attention',
  summary: 'Keys and values are summed into a state of constant size: no cache that grows.',
  paper: {
    title: 'Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention',
    authors: 'Katharopoulos et al.',
    year: 2020,
    arxiv: '2006.16236',
  },
  state: 'recurrent',
  defaults: { Hkv: undefined, eps: 1e-6, causal: true } as LinearOptions,

  check(shape, options) {
    const { Hkv, eps } = options;
    checkLayerShape('linear', shape);
    checkKinds('linear', linear.defaults, options);
    checkGroups('linear', shape.H, Hkv ?? shape.H);
    checkEps(eps);
  },

  parameters(shape, options) {
    const { E, H, Hkv, D, Dv } = sizesOf(shape, options);
    return withBiases(shape, { q: [H * D, E], k: [Hkv * D, E], v: [Hkv * Dv, E], o: [E, H * Dv] });
  },

  kv(shape, options): LayerSpec {
    const { Hkv, D, Dv } = sizesOf(shape, options);
    return { kind: 'recurrent', rows: {}, cap: 0, constant: { S: [Hkv, D, Dv], z: [Hkv, D] } };
  },

  cost(shape, options, { B, Lq, layer }) {
    const { H, Hkv, D, Dv } = sizesOf(shape, options);
    const weights = Object.values(linear.parameters(shape, options, layer));
    return sumCost({
      tokens: B * Lq,
      weights: weights.reduce((sum, size) => sum + sizeOf(size), 0),
      attentionFlops: 2 * B * Lq * (H + Hkv) * D * (Dv + 1),
      stateReads: B * Hkv * D * (Dv + 1),
    });
  },

  attend(call, given) {
    const { eps, causal, Hkv: configured } = resolveOptions(linear, given);
    checkAttendCall('linear', call, () => configured);
    checkEps(eps);
    refuseScoreParts('linear', call, causal);
    const { q, k, v } = call;
    return scope(() => {
      const [B = 1, , Hkv = 1, Dv = 1] = v.shape;
      const D = k.shape[3]!;
      const S = zeros<'B Hkv D Dv'>(q.device, [B, Hkv, D, Dv]);
      const z = zeros<'B Hkv D'>(q.device, [B, Hkv, D]);
      // one length for both: a query has a place among the keys
      const same = q as Tensor as Tensor<'B L H D'>;
      const rows = { q: same, k: k as Tensor as Tensor<'B L Hkv D'>, v: v as Tensor as Tensor<'B L Hkv Dv'> };
      return { out: linearAttention({ ...rows, S, z }, { feature: 'elu+1', eps, causal }).out as Tensor };
    });
  },

  layer(call) {
    checkLayerCall(linear, call);
    const { x, weights, state, shape, options, extras = [] } = call;
    refuseExtras('linear', extras);
    if (call.position?.kind === 'bias') {
      throw new ValueError(
        'linear',
        'position',
        'must act on queries and keys: there are no scores',
        call.position.name,
      );
    }
    const { Hkv, H } = sizesOf(shape, options);
    return scope(() => {
      const { q, k } = rotate(
        call,
        splitHeads(project(x, weights, 'q'), H),
        splitHeads(project(x, weights, 'k'), Hkv),
      );
      const { S, z } = state.constants() as { readonly S: Tensor; readonly z: Tensor };
      const v = splitHeads(project(x, weights, 'v'), Hkv) as Tensor;
      const { out, ...next } = call.positions.host.includes(NOBODY)
        ? linearAttention({ q: unary(q, 'elu+1'), k: ofSomebody(call, k), v, S, z }, options)
        : linearAttention({ q, k: k as Tensor, v, S, z }, { feature: 'elu+1', ...options });
      const y = project(mergeHeads(out), weights, 'o');
      state.advance({ ...next }, call.positions);
      return { y, state };
    });
  },
});

/** φ(k) `[B, L, Hkv, D]`, zero for tokens that are nobody: they add nothing to the sums. */
function ofSomebody({ x, positions }: LayerCall<LinearOptions>, k: Tensor<'B L H D'>): Tensor {
  const [B, L, Hkv, D] = k.shape as [number, number, number, number];
  const { host, shape } = positions;
  // an id outside the table is a row of zeros
  const rows = Int32Array.from({ length: B * L }, (_, n) =>
    host[shape[0] === 1 ? n % L : n]! < 0 ? NOBODY : n,
  );
  const found = gather(unary(k, 'elu+1').reshape([B * L, Hkv * D]), tensor(x.device, rows, [B * L]));
  return found.reshape([B, L, Hkv, D]);
}

function sizesOf({ E, H, D, Dv = D }: LayerShape, { Hkv = H }: LinearOptions) {
  return { E, H, Hkv, D, Dv };
}

function checkEps(eps: number): void {
  if (!(eps >= 0 && Number.isFinite(eps))) throw new ValueError('linear', 'eps', 'must be a number ≥ 0', eps);
}
