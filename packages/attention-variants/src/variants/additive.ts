import { type LayerSpec, scope, sizeOf, type Tensor, ValueError, zeros } from '@headwise/tensor';
import { checkAttendCall, checkLayerCall, checkLayerShape, checkWeights } from '../checks.ts';
import { checkKinds, resolveOptions } from '../configure.ts';
import { type AttendCall, type AttentionVariant, defineVariant } from '../contract.ts';
import { seenPairs, sumCost } from '../cost.ts';
import { additiveScores } from '../ops/additive-scores.ts';
import {
  mergeHeads,
  placement,
  positionBias,
  project,
  rotate,
  softmaxAttention,
  splitHeads,
  withBiases,
} from '../wiring.ts';

export interface AdditiveOptions {
  /** Query at position p sees keys at positions ≤ p. Over a source: `false`. */
  readonly causal: boolean;
}

type Additive = AttentionVariant<'additive', AdditiveOptions>;

/**
 * Additive attention (Bahdanau): a small network of one hidden layer scores a query and a key, where all later
 * attention takes their product. Its scores are their own operation; mask, softmax and sum are everyone's.
 *
 * ```text
 * q [B, Lq, H, D ]    projected queries: W_q · x (+ bias)
 * k [B, Lk, H, D ]    projected keys:    W_k · x
 * v [B, Lk, H, Dv]
 * s = Σ_d score[h, d] · tanh(q + k)      → softmax(s) · v
 * ```
 *
 * Time `O(B · H · Lq · Lk · D)` with a tanh where others have a product; the scores are materialised.
 *
 * @see Bahdanau et al. 2014, "Neural Machine Translation by Jointly Learning to Align and Translate",
 * section 3.1 and appendix A.1.2, {@link https://arxiv.org/abs/1409.0473}
 */
export const additive: Additive = defineVariant({
  name: 'additive',
  title: 'Additive attention (Bahdanau)',
  summary: 'A small network scores each query and key, where later attention takes their product.',
  paper: {
    title: 'Neural Machine Translation by Jointly Learning to Align and Translate',
    authors: 'Bahdanau et al.',
    year: 2014,
    arxiv: '1409.0473',
  },
  state: 'full',
  defaults: { causal: true } as AdditiveOptions,

  check(shape, options) {
    checkLayerShape('additive', shape);
    checkKinds('additive', additive.defaults, options);
  },

  parameters(shape) {
    const { E, H, D, Dv = D } = shape;
    return withBiases(shape, { q: [H * D, E], k: [H * D, E], v: [H * Dv, E], score: [H, D], o: [E, H * Dv] });
  },

  kv({ H, D, Dv = D }): LayerSpec {
    return { kind: 'full', rows: { k: [H, D], v: [H, Dv] }, cap: Infinity, constant: {} };
  },

  /** A tanh counts as one. */
  cost(shape, options, { B, Lq, Lk, layer }) {
    const { H, D, Dv = D } = shape;
    const { score, ...projections } = additive.parameters(shape, options, layer);
    const pairs = seenPairs(Lq, Lk, options);
    return sumCost({
      tokens: B * Lq,
      weights: Object.values(projections).reduce((sum, size) => sum + sizeOf(size), 0),
      attentionFlops: B * pairs * H * (4 * D + 2 * Dv),
      stateReads: B * Lk * H * (D + Dv),
    });
  },

  score: ({ causal }) => ({ causal, scale: 1 }),

  attend(call, given) {
    checkAttendCall('additive', call, (H) => H);
    checkWeights('additive', call.weights ?? {}, ['score']);
    return scope(() => scored(call, call.weights!.score!, resolveOptions(additive, given)));
  },

  layer(call) {
    checkLayerCall(additive, call);
    const { x, weights, state, options, shape, extras } = call;
    return scope(() => {
      const heads = (name: string): Tensor<'B L H D'> => splitHeads(project(x, weights, name), shape.H);
      const turned = rotate(call, heads('q'), heads('k'));
      const view = state.append({ k: turned.k, v: heads('v') }, call.positions);
      const { k, v } = view.rows as { readonly k: Tensor; readonly v: Tensor };
      const bias = positionBias(call, { H: shape.H, Lq: x.shape[1]!, Lk: k.shape[1]! }, view);
      const parts = { q: turned.q as Tensor, k, v, ...placement(view), ...bias, extras };
      const { out, ...more } = scored(parts, weights.score!, options);
      return { y: project(mergeHeads(out), weights, 'o'), state, ...more };
    });
  },
});

/** The executor sees no product: queries and keys of zeros, and the scores as a bias. */
function scored(call: AttendCall, score: Tensor, { causal }: AdditiveOptions) {
  const { q, k, v, bias, extras = [] } = call;
  const other = extras.find((name) => name === 'raw' || name === 'capped');
  if (other !== undefined) {
    const rule = 'is of dot products, and this score has none; ask for scores';
    throw new ValueError('additive', 'extras', rule, other);
  }
  const [B = 1, Lq = 1, H = 1] = q.shape;
  const [, Lk = 1, Hkv = 1] = v.shape;
  const device = q.device;
  return softmaxAttention(
    'additive',
    {
      ...call,
      q: zeros<'B Lq H D'>(device, [B, Lq, H, 1]),
      k: zeros<'B Lk Hkv D'>(device, [B, Lk, Hkv, 1]),
      v,
      bias: additiveScores(q, k, score, bias),
    },
    { causal, scale: 1 },
  );
}
