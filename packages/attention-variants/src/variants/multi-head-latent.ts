import {
  attentionWith,
  concat,
  gather,
  headLinear,
  type LayerSpec,
  linear,
  rmsNorm,
  type StateView,
  scope,
  sizeOf,
  slice,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { checkAttendCall, checkChoice, checkCount, checkLayerCall, checkLayerShape } from '../checks.ts';
import { checkKinds, resolveOptions } from '../configure.ts';
import {
  type AttendResult,
  type AttentionVariant,
  defineVariant,
  type LayerCall,
  type LayerShape,
} from '../contract.ts';
import { seenPairs, sumCost } from '../cost.ts';
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

export interface LatentOptions {
  /** `dc`, width of the latent of keys and values; `undefined` for `4 · D`. */
  readonly latent: number | undefined;
  /** `dR`, width of the rotated key that all heads share; `undefined` for `D / 2`, rounded to an even number. */
  readonly rope: number | undefined;
  /** Width of the latent of queries; `undefined` for queries straight from x. */
  readonly queryLatent: number | undefined;
  /** How the first call of a state computes; both give the same numbers. Later calls are absorbed. */
  readonly prefill: 'naive' | 'absorbed';
  /** Of the norms of the latents. */
  readonly normEps: number;
  /** Multiplies the dot products; `undefined` for `1 / √(D + dR)`. */
  readonly scale: number | undefined;
}

type Latent = AttentionVariant<'multi-head-latent', LatentOptions>;

/**
 * Multi-head latent attention (MLA): keys and values of all heads are projections of one latent a token, and only
 * the latent is cached, with one small rotated key beside it: `dc + dR` numbers a token instead of `2 · H · D`.
 *
 * ```text
 * [c | kR] = kvDown · x       c = norm(c) [dc], kR [dR] rotated      cached: [c | kR]
 * [qN | qR] = q · x           qN [H, D], qR [H, dR] rotated          or qUp · norm(qDown · x)
 * naive:    k = [kUp · c | kR], v = vUp · c, multi-head attention    Lq · Lk · H · (D + dR + Dv)
 * absorbed: q' = [qN · kUp | qR], k = [c | kR], v = c, o = vUp · y   Lq · Lk · H · (2 · dc + dR)
 * ```
 *
 * The two are equal: (qN · kUp) · c = qN · (kUp · c). Absorbed, a decode step reads the latents as they lie in the
 * cache and never unfolds keys or values, so it is what decode runs; with many queries and few keys, naive is
 * cheaper. `D` of the shape is the width without the rotated part; a rotation must fit `rope`.
 *
 * @see DeepSeek-AI 2024, "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model",
 * section 2.1, eq. 9 to 19 and appendix C, {@link https://arxiv.org/abs/2405.04434}
 */
export const multiHeadLatent: Latent = defineVariant({
  name: 'multi-head-latent',
  title: 'Multi-head latent attention (MLA)',
  summary: 'One latent a token serves keys and values of all heads: a cache of dc + dR numbers a token.',
  paper: {
    title: 'DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model',
    authors: 'DeepSeek-AI',
    year: 2024,
    arxiv: '2405.04434',
  },
  state: 'latent',
  defaults: {
    latent: undefined,
    rope: undefined,
    queryLatent: undefined,
    prefill: 'naive',
    normEps: 1e-6,
    scale: undefined,
  } as LatentOptions,

  check(shape, options) {
    checkLayerShape('multi-head-latent', shape);
    checkKinds('multi-head-latent', multiHeadLatent.defaults, options);
    checkPrefill(options);
    const { dc, dR } = sizesOf(shape, options);
    checkCount('multi-head-latent', 'latent', dc);
    if (!Number.isInteger(dR) || dR < 2 || dR % 2 !== 0)
      throw new ValueError(
        'multi-head-latent',
        'rope',
        'must be an even number ≥ 2: it is turned in pairs',
        dR,
      );
    if (options.queryLatent !== undefined)
      checkCount('multi-head-latent', 'queryLatent', options.queryLatent);
  },

  parameters(shape, options) {
    const { E, H, D, Dv, dc, dR } = sizesOf(shape, options);
    const { queryLatent: dq } = options;
    const query: Record<string, number[]> =
      dq === undefined ? { q: [H * (D + dR), E] } : { qDown: [dq, E], qNorm: [dq], qUp: [H * (D + dR), dq] };
    return withBiases(shape, {
      ...query,
      kvDown: [dc + dR, E],
      kvNorm: [dc],
      kUp: [H, D, dc],
      vUp: [H, Dv, dc],
      o: [E, H * Dv],
    });
  },

  kv(shape, options): LayerSpec {
    const { dc, dR } = sizesOf(shape, options);
    return { kind: 'latent', rows: { latent: [dc + dR] }, cap: Infinity, constant: {} };
  },

  cost(shape, options, { B, Lq, Lk, layer }) {
    const { H, D, Dv, dc, dR } = sizesOf(shape, options);
    const weights = Object.values(multiHeadLatent.parameters(shape, options, layer))
      .filter((size) => size.length > 1)
      .reduce((sum, size) => sum + sizeOf(size), 0);
    const naive = Lq > 1 && Lq === Lk && options.prefill === 'naive';
    const width = naive ? D + dR + Dv : 2 * dc + dR;
    return sumCost({
      tokens: B * Lq,
      weights,
      attentionFlops: 2 * B * seenPairs(Lq, Lk, { causal: true }) * H * width,
      stateReads: B * Lk * (dc + dR),
    });
  },

  score: ({ scale }) => ({ causal: true, scale }),
  turns: (shape, options) => sizesOf(shape, options).dR,

  /** Over unfolded queries, keys `[B, L, H, D + dR]` and values `[B, L, H, Dv]`: the naive form. */
  attend(call, given) {
    const options = resolveOptions(multiHeadLatent, given);
    checkPrefill(options);
    const { scale } = options;
    checkAttendCall('multi-head-latent', call, (H) => H);
    return scope(() => softmaxAttention('multi-head-latent', call, { causal: true, scale }));
  },

  layer(call) {
    checkLayerCall(multiHeadLatent, call);
    const { x, weights, state, shape, options } = call;
    const { H, D, dc, dR } = sizesOf(shape, options);
    const first = state.length === 0 && x.shape[1]! > 1;
    return scope(() => {
      const q = splitHeads(queries(call), H);
      const down = project(x, weights, 'kvDown');
      const c = rmsNorm(slice(down, 0, dc), weights.kvNorm, { eps: options.normEps });
      const kR = splitHeads(slice(down, dc, dR), 1);
      const turned = rotate(call, slice(q, D, dR), kR);
      const [B, L] = x.shape as [number, number];
      const latent = concat(c, turned.k.reshape([B, L, dR]));
      const view = state.append({ latent }, call.positions);
      const parts = { qN: slice(q, 0, D), qR: turned.q as Tensor, c, kR: turned.k as Tensor, view };
      // unfolded keys are those of this call: right where it starts the text and every sequence is in order
      const plain = !view.keyPositions && !view.queryPositions && !view.keyUntil;
      const { out, ...more } =
        first && plain && options.prefill === 'naive' ? naive(call, parts) : absorbed(call, parts);
      return { y: project(mergeHeads(out), weights, 'o'), state, ...more };
    });
  },
});

function checkPrefill({ prefill }: LatentOptions): void {
  checkChoice('multi-head-latent', 'prefill', prefill, ['naive', 'absorbed']);
}

interface Parts {
  /** `[B, L, H, D]` */
  readonly qN: Tensor;
  /** `[B, L, H, dR]`, rotated */
  readonly qR: Tensor;
  /** `[B, L, dc]`, of this call's tokens */
  readonly c: Tensor;
  /** `[B, L, 1, dR]`, rotated */
  readonly kR: Tensor;
  readonly view: StateView;
}

/** `[B, L, H · (D + dR)]` */
function queries({ x, weights, options }: LayerCall<LatentOptions>): Tensor {
  if (options.queryLatent === undefined) return project(x, weights, 'q');
  const latent = rmsNorm(project(x, weights, 'qDown'), weights.qNorm, { eps: options.normEps });
  return project(latent, weights, 'qUp');
}

/** Keys and values unfolded for every head, of this call's tokens. */
function naive(call: LayerCall<LatentOptions>, { qN, qR, c, kR }: Parts): AttendResult {
  const { shape, weights, options, extras, x } = call;
  const { H, D, Dv, dc, dR } = sizesOf(shape, options);
  const [B, L] = x.shape as [number, number];
  const unfold = (weight: Tensor, width: number): Tensor =>
    splitHeads(linear(c, weight.reshape([H * width, dc])), H);
  const everyHead = Int32Array.from({ length: B * L * H }, (_, i) => Math.floor(i / H));
  const shared = gather(kR.reshape([B * L, dR]), tensor(x.device, everyHead, [B, L, H]));
  const k = concat<'B Lk Hkv D'>(unfold(weights.kUp!, D), shared);
  const v = unfold(weights.vUp!, Dv);
  const at = { valid: L, offset: 0, rows: { k } };
  const bias = positionBias(call, { H, Lq: L, Lk: L }, at);
  const parts = { q: concat<'B Lq H D'>(qN, qR), k, v, valid: L, offset: 0, ...bias, extras };
  return softmaxAttention('multi-head-latent', parts, { causal: true, scale: options.scale });
}

/** Queries folded into the width of the latent; the cached rows are key and value at once. */
function absorbed(call: LayerCall<LatentOptions>, { qN, qR, view }: Parts): AttendResult {
  const { shape, weights, options, extras = [] } = call;
  const { H, D, dc, dR } = sizesOf(shape, options);
  const rows = view.rows.latent!;
  const [B, Lk] = rows.shape as [number, number];
  const k = rows.reshape<'B Lk Hkv D'>([B, Lk, 1, dc + dR]);
  const q = concat<'B Lq H D'>(headLinear(qN, weights.kUp!, { transposed: true }), qR);
  const { valid, offset, cursor, ...positions } = placement(view);
  const { out, ...more } = attentionWith(
    { q, k, v: k as Tensor, cursor, ...positions, ...positionBias(call, { H, Lq: q.shape[1]!, Lk }, view) },
    {
      causal: cursor ? true : { offset: offset ?? 0 },
      valid: cursor ? undefined : valid,
      valueWidth: dc,
      scale: options.scale ?? 1 / Math.sqrt(D + dR),
    },
    extras,
  );
  return { out: headLinear(out, weights.vUp!), ...more };
}

function sizesOf({ E, H, D, Dv = D }: LayerShape, { latent = 4 * D, rope }: LatentOptions) {
  return { E, H, D, Dv, dc: latent, dR: rope ?? Math.max(2, 2 * Math.round(D / 4)) };
}
