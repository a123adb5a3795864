import {
  type AttentionExtra,
  checkFields,
  type LayerSpec,
  type StateView,
  scope,
  sizeOf,
  slice,
  stateId,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import {
  checkAttendCall,
  checkCount,
  checkGroups,
  checkLayerCall,
  checkLayerShape,
  checkWeights,
} from './checks.ts';
import { checkKinds, resolveOptions } from './configure.ts';
import {
  type AttendCall,
  type AttendResult,
  type AttentionVariant,
  type Cost,
  type CostCall,
  defineVariant,
  type LayerCall,
  type LayerResult,
  type LayerShape,
  type ScoreParts,
  type Tap,
  type VariantIdentity,
} from './contract.ts';
import { seenPairs, sumCost } from './cost.ts';
import { besideOf, type OwnAttention, type OwnCall } from './own-attention.ts';
import {
  gateHeads,
  mergeHeads,
  normHeads,
  placement,
  positionBias,
  project,
  rotate,
  rotateQueries,
  softmaxAttention,
  splitHeads,
  weigh,
  withBiases,
} from './wiring.ts';

type Weights = Readonly<Record<string, Tensor>>;

/**
 * What element-wise modifiers cannot say, because it needs a whole row of the softmax: a logit that is not a
 * key's, several maps that are combined, a touch on the output of a head.
 */
export interface RowHook<Options> {
  /** Into the row: one more logit a head `[H]`, which takes weight and adds no value. */
  readonly sinks?: (weights: Weights, options: Options, layer: number) => Tensor<'H'>;
  /**
   * Heads that read one value with maps of their own: query and key heads `maps · h … maps · h + maps − 1` make
   * output head `h`, whose value is `maps` times as wide. Default 1.
   */
  readonly maps?: number;
  /** Out of the rows: the maps' outputs (or weights) to one. Linear, so that it holds for both. */
  readonly combine?: (maps: readonly Tensor[], weights: Weights, options: Options, layer: number) => Tensor;
  /**
   * The last touch on the output `[B, L, H / maps, maps · Dv]`. `x [B, L, E]` is what the layer was given: a gate on the
   * output is made from it. The score form has it where its caller gives one.
   */
  readonly finish?: (
    out: Tensor,
    weights: Weights,
    options: Options,
    layer: number,
    x: Tensor<'B L E'> | undefined,
  ) => Tensor;
}

/** What makes one softmax variant: everything else follows. */
export interface SoftmaxVariant<Name extends string, Options extends object>
  extends VariantIdentity<Name, Options> {
  /** The declared parts of its score. */
  readonly score: (options: Options, layer: number) => ScoreParts;
  /** Key/value heads. Default the option `Hkv`, and H where there is none. */
  readonly groups?: (H: number, options: Options) => number;
  /** Most tokens a layer keeps. Default all. */
  readonly cap?: (options: Options, layer: number) => number;
  /** Of these, the first tokens of a sequence, never forgotten. Default 0. */
  readonly sinkTokens?: (options: Options) => number;
  /** The layer whose keys and values this one reads; itself when it has its own. Default itself. */
  readonly producer?: (shape: LayerShape, options: Options, layer: number) => number;
  /** Learned tensors beside the projections, by name. */
  readonly parameters?: (
    shape: LayerShape,
    options: Options,
    layer: number,
  ) => Readonly<Record<string, readonly number[]>>;
  /** Those of them that only choose what is read. Default none. */
  readonly choosing?: readonly string[];
  /** What happens to queries `[B, Lq, H, D]` between encoding and score. */
  readonly query?: (q: Tensor, weights: Weights, options: Options) => Tensor;
  readonly row?: RowHook<Options>;
  readonly own?: OwnAttention<Options>;
  /** What its options must fulfil beside the heads; `attend` knows no shape. */
  readonly check?: (shape: LayerShape | undefined, options: Options) => void;
  /** What a call of a layer must fulfil beside its shapes. */
  readonly checkCall?: (call: LayerCall<Options>) => void;
  /** Extras that the score cannot give. */
  readonly checkExtras?: (extras: readonly AttentionExtra[]) => void;
  /** Pairs of a query and a key it sees, where the declared parts do not say. */
  readonly pairs?: (Lq: number, Lk: number, options: Options) => number;
}

/**
 * A variant that is `softmax(q · kᵀ) · v` with projections of its own: multi-head, grouped, windowed, shared
 * across layers, with sinks or modifiers. It declares what differs; projections, encoding, state, attention and
 * cost are the same for all, here.
 *
 * ```text
 * q [H·D, E]  k [Hkv·D, E]  v [Hkv·Dv, E]  o [E, H·Dv]     weights; no k and v in a layer that shares
 * state rows: k [Hkv, D], v [Hkv, Dv] a token
 * ```
 *
 * The variant throws for shapes, options and calls that do not fit.
 *
 * @throws {ValueError} if the spec was forgotten, or its name, defaults or score.
 */
/* @__NO_SIDE_EFFECTS__ */
export function softmaxVariant<const Name extends string, Options extends object>(
  spec: SoftmaxVariant<Name, Options>,
): AttentionVariant<Name, Options> {
  checkFields('softmaxVariant', 'spec', spec, ['name', 'defaults', 'score']);
  const { name, title, summary, paper, defaults } = spec;
  const variant: AttentionVariant<Name, Options> = defineVariant({
    name,
    title,
    summary,
    paper,
    defaults,
    state: spec.cap && spec.cap(defaults, 0) < Infinity ? 'window' : 'full',
    check(shape, options) {
      checkLayerShape(name, shape);
      checkKinds(name, defaults, options);
      spec.check?.(shape, options);
      const { H, Hkv, maps } = sizesOf(spec, shape, options);
      checkGroups(name, H, Hkv);
      if (Hkv % maps !== 0)
        throw new ValueError(name, 'Hkv', `must be a multiple of the ${maps} maps of a head`, Hkv);
    },
    parameters: (shape, options, layer) => parametersOf(spec, shape, options, layer),
    ...(spec.choosing && { choosing: spec.choosing }),
    stepsAlike: spec.own === undefined,
    kv: (shape, options, layer) => kvOf(spec, shape, options, layer),
    cost: (shape, options, call) => costOf(spec, shape, options, call),
    taps: (shape, options, layer) =>
      (spec.producer?.(shape, options, layer) ?? layer) === layer
        ? ['q', 'k', 'v', 'weights']
        : ['q', 'weights'],
    score: spec.score,
    attend: (call, given) => {
      const options = resolveOptions(spec, given);
      spec.check?.(undefined, options);
      checkAttendCall(name, call, (H) => headsConfigured(spec, H, options));
      return scope(() => attendMaps(spec, call, options));
    },
    layer: (call) => {
      checkLayerCall(variant, call);
      spec.checkCall?.(call);
      return scope(() => runLayer(spec, call, sizesOf(spec, call.shape, call.options)));
    },
  });
  return variant;
}

type AnySpec<Options extends object> = SoftmaxVariant<string, Options>;

function sizesOf<Options extends object>(spec: AnySpec<Options>, shape: LayerShape, options: Options) {
  const { E, H, D, Dv = D } = shape;
  const { Hkv: given } = options as { readonly Hkv?: number | undefined };
  const Hkv = spec.groups?.(H, options) ?? given ?? H;
  return { E, H, D, Dv, Hkv, maps: spec.row?.maps ?? 1 };
}

/** Key heads that `attend` takes: an option `Hkv` that nobody has given leaves them to the keys. */
function headsConfigured<Options extends object>(
  { name, defaults, groups }: AnySpec<Options>,
  H: number,
  options: Options,
): number | undefined {
  if ('Hkv' in defaults) {
    const { Hkv } = options as { readonly Hkv?: number | undefined };
    if (Hkv !== undefined) checkCount(name, 'Hkv', Hkv);
    return Hkv;
  }
  return groups?.(H, options) ?? H;
}

function parametersOf<Options extends object>(
  spec: AnySpec<Options>,
  shape: LayerShape,
  options: Options,
  layer: number,
): Record<string, readonly number[]> {
  const { E, H, Hkv, D, Dv } = sizesOf(spec, shape, options);
  const own = (spec.producer?.(shape, options, layer) ?? layer) === layer;
  const { headNorm, gate } = shape;
  const gain = (heads: number): readonly number[] => [headNorm?.over === 'token' ? heads * D : D];
  return withBiases(shape, {
    q: [H * D, E],
    ...(own && { k: [Hkv * D, E], v: [Hkv * Dv, E] }),
    ...(headNorm && { qNorm: gain(H), ...(own && { kNorm: gain(Hkv) }) }),
    ...spec.parameters?.(shape, options, layer),
    ...(gate && { gate: [gate === 'head' ? H : H * Dv, E] }),
    o: [E, H * Dv],
  });
}

function kvOf<Options extends object>(
  spec: AnySpec<Options>,
  shape: LayerShape,
  options: Options,
  layer: number,
): LayerSpec {
  const { Hkv, D, Dv, maps } = sizesOf(spec, shape, options);
  const cap = spec.cap?.(options, layer) ?? Infinity;
  const producer = spec.producer?.(shape, options, layer) ?? layer;
  if (producer !== layer) return { kind: 'shared', rows: {}, cap, constant: {}, producer: stateId(producer) };
  const rows: Record<string, readonly number[]> = {};
  for (const key of keyNames(maps)) rows[key] = [Hkv / maps, D];
  rows.v = [Hkv / maps, maps * Dv];
  Object.assign(rows, spec.own?.rows?.(shape, options));
  const sinks = spec.sinkTokens?.(options) ?? 0;
  const pooled = spec.own?.pooled?.(shape, options);
  const kind = cap < Infinity ? 'window' : 'full';
  return { kind, rows, ...(pooled && { pooled }), cap, ...(sinks > 0 && { sinks }), constant: {} };
}

function costOf<Options extends object>(
  spec: AnySpec<Options>,
  shape: LayerShape,
  options: Options,
  { B, Lq, Lk, layer }: CostCall,
): Cost {
  const { H, Hkv, D, Dv, maps } = sizesOf(spec, shape, options);
  const pairs = spec.pairs?.(Lq, Lk, options) ?? seenPairs(Lq, Lk, spec.score(options, layer));
  const weights = Object.values(parametersOf(spec, shape, options, layer))
    .filter((size) => size.length > 1)
    .reduce((sum, size) => sum + sizeOf(size), 0);
  const kept = Math.min(Lk, Math.max(Lq, (spec.cap?.(options, layer) ?? Infinity) + Lq - 1));
  const read = spec.own?.reads?.(Lq, kept, options, shape) ?? kept;
  const cost = sumCost({
    tokens: B * Lq,
    weights,
    attentionFlops: 2 * B * pairs * (H * D + maps * H * Dv),
    stateReads: B * (read * Hkv * (D + Dv) + besideOf(spec.own, shape, options, kept)),
  });
  return { ...cost, flops: cost.flops + B * (spec.own?.flops?.(Lq, Lk, shape, options) ?? 0) };
}

/** Names of the rows of keys: `k`, or one for each map of a head. */
function keyNames(maps: number): readonly string[] {
  return maps === 1 ? ['k'] : Array.from({ length: maps }, (_, m) => `k${m + 1}`);
}

/** The score form of a softmax variant: `q [B, Lq, H, D]` and the rest as the caller has them. */
function attendMaps<Options extends object>(
  spec: SoftmaxVariant<string, Options>,
  call: AttendCall,
  options: Options,
): AttendResult {
  const { weights = {}, layer = 0 } = call;
  const [, , H = 1, D = 1] = call.q.shape;
  const learned = spec.parameters?.({ E: H * D, H, D, layers: layer + 1 }, options, layer) ?? {};
  checkWeights(spec.name, weights, Object.keys(learned));
  const keys = splitMaps(call.k, spec.row?.maps ?? 1);
  const rows = (call.x && spec.own?.made?.(call.x, weights, options)) ?? {};
  return score(spec, { ...call, keys, rows }, weights, options, layer);
}

/** The layer form of a softmax variant; the call is checked. */
function runLayer<Options extends object>(
  spec: SoftmaxVariant<string, Options>,
  call: LayerCall<Options>,
  { H, Hkv, maps }: { readonly H: number; readonly Hkv: number; readonly maps: number },
): LayerResult {
  const { x, weights, state, positions, shape, options, layer, extras, tap } = call;
  const L = x.shape[1]!;
  const tapped = (name: string, value: Tensor): Tensor => tap?.pass(name, value) ?? value;
  const q = normHeads(shape, splitHeads(project(x, weights, 'q'), H), weights, 'qNorm');
  const keysOf = (): Tensor<'B L H D'> =>
    normHeads(shape, splitHeads(project(x, weights, 'k'), Hkv), weights, 'kNorm');
  const append = (k: Tensor): StateView => {
    const rows = named(splitMaps(tapped('k', k), maps));
    rows.v = tapped('v', splitHeads(project(x, weights, 'v'), Hkv / maps));
    Object.assign(rows, spec.own?.made?.(x, weights, options));
    const pool = spec.own?.pool;
    return state.append(rows, positions, pool && ((name, of) => pool(name, of, weights, options)));
  };
  const producer = spec.producer?.(shape, options, layer) ?? layer;

  let turned: Tensor;
  let view: StateView;
  if (producer !== layer) {
    view = state.view();
    turned = rotateQueries(call, q, view.turnQueriesAt);
  } else if (state.turnsKeys) {
    view = append(keysOf());
    turned = rotateQueries(call, q, view.turnQueriesAt);
  } else {
    const both = rotate(call, q, keysOf());
    view = append(both.k);
    turned = both.q;
  }

  const keys = keyNames(maps).map((name) => view.rows[name]!);
  const bias = positionBias(call, { H: H / maps, Lq: L, Lk: keys[0]!.shape[1]! }, view);
  const { rows } = view;
  const parts = { q: tapped('q', turned), keys, v: rows.v!, rows, ...placement(view), ...bias, extras };
  const { out, ...more } = score(spec, { ...parts, x }, weights, options, layer, tap);
  return { y: project(mergeHeads(gateHeads(shape, out, x, weights)), weights, 'o'), state, ...more };
}

/** One softmax a map, the row hook's combination of them, and its last touch. */
function score<Options extends object>(
  spec: SoftmaxVariant<string, Options>,
  call: Omit<OwnCall, 'k' | 'weights'> & { readonly keys: readonly Tensor[] },
  weights: Weights,
  options: Options,
  layer: number,
  tap?: Tap,
): AttendResult {
  const { row } = spec;
  spec.checkExtras?.(call.extras ?? []);
  const wanted = tap?.wants('weights')
    ? [...new Set([...(call.extras ?? []), 'weights' as const])]
    : call.extras;
  const sinks = row?.sinks?.(weights, options, layer);
  const parts = spec.score(options, layer);
  const queries = splitMaps(spec.query?.(call.q, weights, options) ?? call.q, call.keys.length);
  const maps = call.keys.map((k, m) => {
    const one = { ...call, q: queries[m]!, k, extras: wanted };
    return (
      spec.own?.attend({ ...one, weights }, parts, options) ?? softmaxAttention(spec.name, one, parts, sinks)
    );
  });
  const combined: Record<string, Tensor> = {};
  for (const name of Object.keys(maps[0]!) as (keyof AttendResult)[]) {
    const each = maps.map((map) => map[name]!);
    combined[name] = row?.combine ? row.combine(each, weights, options, layer) : each[0]!;
  }
  const seen = combined.weights && tap ? tap.pass('weights', combined.weights) : combined.weights;
  if (seen && seen !== combined.weights) combined.out = weigh(seen, call.v);
  const out = row?.finish?.(combined.out!, weights, options, layer, call.x) ?? combined.out!;
  return { ...combined, ...(seen && { weights: seen }), out };
}

/** `[B, L, maps · H, D]` → one `[B, L, H, D]` a map: heads `maps · h + m`. */
function splitMaps(x: Tensor, maps: number): readonly Tensor[] {
  if (maps === 1) return [x];
  const [B, L, heads, D] = x.shape as [number, number, number, number];
  const pairs = x.reshape([B, L, heads / maps, maps * D]);
  return Array.from({ length: maps }, (_, m) => slice(pairs, m * D, D));
}

function named(keys: readonly Tensor[]): Record<string, Tensor> {
  const names = keyNames(keys.length);
  return Object.fromEntries(keys.map((key, m) => [names[m]!, key]));
}
