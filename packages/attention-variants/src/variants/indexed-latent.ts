import {
  attentionWith,
  binary,
  concat,
  headLinear,
  type LayerSpec,
  layerNorm,
  rmsNorm,
  type StateView,
  scope,
  sizeOf,
  slice,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import { checkAttendCall, checkCount, checkLayerCall, checkLayerShape, checkWeights } from '../checks.ts';
import { checkKinds, resolveOptions } from '../configure.ts';
import {
  type AttendCall,
  type AttendResult,
  type AttentionVariant,
  defineVariant,
  type LayerCall,
  type LayerShape,
} from '../contract.ts';
import { seenPairs, sumCost } from '../cost.ts';
import { selectKeys } from '../ops/select-keys.ts';
import { selectedAttention, selectedBias } from '../ops/selected-attention.ts';
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

/** Options of latent attention over indexed keys. */
export interface IndexedLatentOptions {
  /** Keys that a query reads. */
  readonly count: number;
  /** Heads of the indexer. */
  readonly heads: number;
  /** `dI`, width of an index key, of which the first `dR` numbers turn; `undefined` for `D`. */
  readonly width: number | undefined;
  /** `dc`, width of the latent of keys and values; `undefined` for `4 · D`. */
  readonly latent: number | undefined;
  /** `dR`, width of the rotated key that all heads share; `undefined` for `D / 2`, rounded to an even number. */
  readonly rope: number | undefined;
  /** `dq`, width of the latent of queries, which the indexer reads too; `undefined` for `3 · dc`. */
  readonly queryLatent: number | undefined;
  /** Of the norms, those of the latents and that of the index keys. */
  readonly normEps: number;
  /** Multiplies the dot products; `undefined` for `1 / √(D + dR)`. */
  readonly scale: number | undefined;
}

type IndexedLatent = AttentionVariant<'indexed-latent', IndexedLatentOptions>;

const NAME = 'indexed-latent';
const indexer = ['indexQuery', 'indexKey', 'indexNorm', 'indexNorm.bias', 'indexWeight'];

/**
 * Latent attention over indexed keys: multi-head latent attention of which each query reads the latents of the best
 * `count` tokens alone, as a small indexer scores them. What DeepSeek-V3.2 and GLM-5 run.
 *
 * ```text
 * a = norm(qDown · x) [dq]        [qN | qR] = qUp · a                     qN [H, D], qR [H, dR] rotated
 * [c | kR] = kvDown · x           c = norm(c) [dc], kR [dR] rotated       kept: [c | kR]
 * qI = indexQuery · a [J, dI]     kI = layerNorm(indexKey · x) [dI]       first dR numbers of both rotated; kept: kI
 * I[b,i,j] = Σ_h (indexWeight · x)[b,i,h] · max(0, qI[b,i,h] · kI[b,j])
 * y = vUp · (softmax over the `count` largest I of scale · ([qN · kUp | qR] · [c | kR]) · c)
 * ```
 *
 * A step reads `Lk · dI` numbers of index keys and `count` latents of `dc + dR`; a `count` that covers everything is
 * multi-head latent attention, absorbed. Index keys turn as the rotated keys do: a checkpoint whose indexer pairs its
 * numbers otherwise has them in another order. The choice has no gradient. In the score form the index is made from `x`,
 * unturned; without it everything is read.
 *
 * @see DeepSeek-AI 2025, "DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models", section 2.1,
 * {@link https://arxiv.org/abs/2512.02556}
 */
export const indexedLatent: IndexedLatent = defineVariant({
  name: NAME,
  title: 'Latent attention over indexed keys (DSA over MLA)',
  summary:
    'Latents of the keys that an indexer chooses: a small cache, of which a step reads a part that does not grow.',
  paper: {
    title: 'DeepSeek-V3.2: Pushing the Frontier of Open Large Language Models',
    authors: 'DeepSeek-AI',
    year: 2025,
    arxiv: '2512.02556',
  },
  state: 'latent',
  defaults: {
    count: 2048,
    heads: 4,
    width: undefined,
    latent: undefined,
    rope: undefined,
    queryLatent: undefined,
    normEps: 1e-6,
    scale: undefined,
  } as IndexedLatentOptions,
  choosing: indexer,

  check(shape, options) {
    checkLayerShape(NAME, shape);
    checkKinds(NAME, indexedLatent.defaults, options);
    checkChoice(options);
    const { dc, dR, dq, dI } = sizesOf(shape, options);
    for (const [name, size] of Object.entries({ latent: dc, queryLatent: dq, width: dI }))
      checkCount(NAME, name, size);
    if (!Number.isInteger(dR) || dR < 2 || dR % 2 !== 0)
      throw new ValueError(NAME, 'rope', 'must be an even number ≥ 2: it is turned in pairs', dR);
    if (dI < dR)
      throw new ValueError(
        NAME,
        'width',
        `must be at least rope = ${dR}, since so many numbers of it turn`,
        dI,
      );
  },

  parameters(shape, options) {
    const { E, H, D, Dv, dc, dR, dq, dI } = sizesOf(shape, options);
    return withBiases(shape, {
      qDown: [dq, E],
      qNorm: [dq],
      qUp: [H * (D + dR), dq],
      kvDown: [dc + dR, E],
      kvNorm: [dc],
      kUp: [H, D, dc],
      vUp: [H, Dv, dc],
      indexQuery: [options.heads * dI, dq],
      indexKey: [dI, E],
      indexNorm: [dI],
      'indexNorm.bias': [dI],
      indexWeight: [options.heads, E],
      o: [E, H * Dv],
    });
  },

  kv(shape, options): LayerSpec {
    const { dc, dR, dI } = sizesOf(shape, options);
    return { kind: 'latent', rows: { latent: [dc + dR], index: [dI] }, cap: Infinity, constant: {} };
  },

  cost(shape, options, { B, Lq, Lk, layer }) {
    const { H, dc, dR, dI } = sizesOf(shape, options);
    const { count, heads } = options;
    const weights = Object.values(indexedLatent.parameters(shape, options, layer))
      .filter((size) => size.length > 1)
      .reduce((sum, size) => sum + sizeOf(size), 0);
    const cost = sumCost({
      tokens: B * Lq,
      weights,
      attentionFlops: 2 * B * seenPairs(Lq, Lk, { causal: true, window: [count - 1, 0] }) * H * (2 * dc + dR),
      stateReads: B * (Math.min(Lk, Lq * count) * (dc + dR) + Lk * dI),
    });
    const index = 2 * B * seenPairs(Lq, Lk, { causal: true }) * heads * (dI + 1);
    return { ...cost, flops: cost.flops + index };
  },

  score: ({ scale }) => ({ causal: true, scale }),
  turns: (shape, options) => sizesOf(shape, options).dR,

  /** Over unfolded queries, keys `[B, L, H, D + dR]` and values `[B, L, H, Dv]`. */
  attend(call, given) {
    const options = resolveOptions(indexedLatent, given);
    checkChoice(options);
    checkAttendCall(NAME, call, (H) => H);
    return scope(() => attend(call, options));
  },

  layer(call) {
    checkLayerCall(indexedLatent, call);
    return scope(() => runLayer(call));
  },
});

function checkChoice({ count, heads }: IndexedLatentOptions): void {
  for (const [name, value] of Object.entries({ count, heads })) checkCount(NAME, name, value);
}

/** Index queries `[B, L, J, dI]`, keys `[B, L, 1, dI]` and what each head counts `[B, L, J]`, unturned. */
function indexOf(
  x: Tensor,
  queryLatent: Tensor,
  weights: LayerCall<unknown>['weights'],
  { heads, normEps }: IndexedLatentOptions,
) {
  const keys = layerNorm(project(x, weights, 'indexKey'), {
    weight: weights.indexNorm,
    bias: weights['indexNorm.bias'],
    eps: normEps,
  });
  return {
    q: splitHeads(project(queryLatent, weights, 'indexQuery'), heads),
    k: splitHeads(keys, 1),
    w: project(x, weights, 'indexWeight'),
  };
}

function queryLatentOf(
  x: Tensor,
  weights: LayerCall<unknown>['weights'],
  { normEps }: IndexedLatentOptions,
): Tensor {
  return rmsNorm(project(x, weights, 'qDown'), weights.qNorm, { eps: normEps });
}

function attend(call: AttendCall, options: IndexedLatentOptions): AttendResult {
  const { q, k, v, x, weights = {}, bias, slopes, modifiers = [], extras = [] } = call;
  const parts = { causal: true, scale: options.scale };
  if (!x) return softmaxAttention(NAME, call, parts);
  checkWeights(NAME, weights, ['qDown', 'qNorm', ...indexer]);
  const index = indexOf(x, queryLatentOf(x, weights, options), weights, options);
  const slots = selectKeys({ ...index, k: withoutHeads(index.k) }, options.count, call);
  if (!bias && !slopes && modifiers.length === 0 && extras.length === 0)
    return { out: selectedAttention({ q, k, v, slots }, { scale: options.scale }) };
  const hides = selectedBias(slots, k.shape[1]!);
  const hidden = bias ? binary<'B H Lq Lk'>(hides, bias, 'add') : hides;
  return softmaxAttention(NAME, { ...call, bias: hidden }, parts);
}

function runLayer(call: LayerCall<IndexedLatentOptions>) {
  const { x, weights, state, shape, options } = call;
  const { H, D, dc, dR, dI } = sizesOf(shape, options);
  const [B, L] = x.shape as [number, number];
  const a = queryLatentOf(x, weights, options);
  const q = splitHeads(project(a, weights, 'qUp'), H);
  const down = project(x, weights, 'kvDown');
  const c = rmsNorm(slice(down, 0, dc), weights.kvNorm, { eps: options.normEps });
  const turned = rotate(call, slice(q, D, dR), splitHeads(slice(down, dc, dR), 1));
  const index = indexOf(x, a, weights, options);
  const first = rotate(call, slice(index.q, 0, dR), slice(index.k, 0, dR));
  const whole = (part: Tensor, of: Tensor): Tensor =>
    dI === dR ? part : concat(part, slice(of, dR, dI - dR));
  const view = state.append(
    {
      latent: concat(c, turned.k.reshape([B, L, dR])),
      index: withoutHeads(whole(first.k, index.k)),
    },
    call.positions,
  );
  const folded = headLinear(slice(q, 0, D), weights.kUp!, { transposed: true });
  const queries = { q: concat(folded, turned.q), index: whole(first.q, index.q), w: index.w };
  const { out, ...more } = read(call, queries, view);
  const values = headLinear(out, weights.vUp!);
  return { y: project(mergeHeads(values), weights, 'o'), state, ...more };
}

/** Over the kept rows, which are key and value at once: `out [B, Lq, H, dc]`. */
function read(
  call: LayerCall<IndexedLatentOptions>,
  queries: { readonly q: Tensor; readonly index: Tensor; readonly w: Tensor },
  view: StateView,
): AttendResult {
  const { shape, options, extras = [] } = call;
  const { H, D, dc, dR } = sizesOf(shape, options);
  const rows = view.rows.latent!;
  const [B, Lk] = rows.shape as [number, number];
  const { q } = queries;
  const k = rows.reshape([B, Lk, 1, dc + dR]);
  const scale = options.scale ?? 1 / Math.sqrt(D + dR);
  const at = placement(view);
  const { bias, slopes } = positionBias(call, { H, Lq: q.shape[1]!, Lk }, view);
  let hides = bias;
  if (view.valid > options.count) {
    const index = { q: queries.index, k: view.rows.index!, w: queries.w };
    const slots = selectKeys(index, options.count, at);
    if (!bias && !slopes && extras.length === 0) {
      const out = selectedAttention({ q, k, v: k, slots }, { scale });
      return { out: slice(out, 0, dc) as AttendResult['out'] };
    }
    const selected = selectedBias(slots, Lk);
    hides = bias ? binary<'B H Lq Lk'>(selected, bias, 'add') : selected;
  }
  const { valid, offset, cursor, ...positions } = at;
  return attentionWith(
    { q, k, v: k, cursor, ...positions, bias: hides, slopes } as Parameters<typeof attentionWith>[0],
    {
      causal: cursor ? true : { offset: offset ?? 0 },
      valid: cursor ? undefined : valid,
      valueWidth: dc,
      scale,
    },
    extras,
  );
}

/** `[B, L, 1, D]` → `[B, L, D]` */
function withoutHeads(x: Tensor): Tensor {
  const [B, L, , D] = x.shape as [number, number, number, number];
  return x.reshape([B, L, D]);
}

function sizesOf(
  { E, H, D, Dv = D }: LayerShape,
  { latent = 4 * D, rope, queryLatent = 3 * latent, width = D }: IndexedLatentOptions,
) {
  const dR = rope ?? Math.max(2, 2 * Math.round(D / 4));
  return { E, H, D, Dv, dc: latent, dR, dq: queryLatent, dI: width };
}
