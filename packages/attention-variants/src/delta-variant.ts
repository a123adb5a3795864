import {
  binary,
  checkFields,
  concat,
  type Device,
  gather,
  type LayerSpec,
  NOBODY,
  type Positions,
  rmsNorm,
  scope,
  sizeOf,
  slice,
  type Tensor,
  tensor,
  unary,
  ValueError,
  zeros,
} from '@headwise/tensor';
import {
  checkAttendCall,
  checkCount,
  checkLayerCall,
  checkLayerShape,
  checkWeights,
  refuseExtras,
  refuseScoreParts,
} from './checks.ts';
import { checkKinds, resolveOptions } from './configure.ts';
import {
  type AttendCall,
  type AttentionVariant,
  defineVariant,
  type LayerCall,
  type LayerResult,
  type LayerShape,
  type VariantIdentity,
} from './contract.ts';
import { sumCost } from './cost.ts';
import { linearAttention } from './ops/linear-attention.ts';
import { shortConvolution } from './ops/short-convolution.ts';
import { logSigmoid, mergeHeads, project, rotate, splitHeads, withBiases } from './wiring.ts';

/** What the options of every delta rule have. */
export interface DeltaOptions {
  /** Tokens that the short convolution mixes, the own one among them; at least 2. */
  readonly kernel: number;
  /** Added to the mean square in the norm of the output. */
  readonly eps: number;
}

/** Heads and widths of a layer: `Hk` of queries and keys, `H` of values, states and outputs. */
export interface DeltaSizes {
  readonly E: number;
  readonly H: number;
  readonly Hk: number;
  readonly D: number;
  readonly Dv: number;
}

type Weights = Readonly<Record<string, Tensor>>;
type Shapes = Readonly<Record<string, readonly number[]>>;

/** What differs between delta rules: how a token says what is forgotten, and what of the output passes. */
export interface DeltaVariant<Name extends string, Options extends DeltaOptions>
  extends VariantIdentity<Name, Options> {
  /** Heads of queries and keys. Default as many as of values. @throws {ValueError} if they do not fit. */
  readonly queryHeads?: (shape: LayerShape, options: Options) => number;
  /** Weights of the forget gate, `logRate [H]` apart. */
  readonly forgets: (sizes: DeltaSizes) => Shapes;
  /** What the forget gate makes of the tokens before its softplus: `[B, L, H · 1]`, or `[B, L, H · D]`. */
  readonly forget: (x: Tensor, weights: Weights) => Tensor;
  /** Weights of the output gate. */
  readonly gates: (sizes: DeltaSizes) => Shapes;
  /** The normed output `[B, L, H · Dv]` through its gate. */
  readonly gate: (out: Tensor, x: Tensor, weights: Weights) => Tensor;
}

/** Of the root by which queries and keys are divided. */
const UNIT_EPS = 1e-6;

/**
 * A variant whose state is corrected where a key already has a value: one recurrence, in the two forms of the contract,
 * with a short convolution before it and a gated norm behind it. In the score form there is none of these two, and
 * without `x` nothing is forgotten and every value is written whole.
 *
 * ```text
 * q, k [B, L, Hk, D], v [B, L, H, Dv] = silu(convolution(projections of x)); q and k of length 1
 * β = σ(beta · x)        [B, L, H]            how much of a correction is written
 * a = −exp(logRate) · softplus(forget(x))     [B, L, H, 1 | D], natural logarithm of what is kept
 * S ← exp(a) ∘ S;  S ← S + k · (β · (v − Sᵀk))ᵀ;  o = Sᵀ q / √D
 * y = output projection of gate(rmsNorm(o), x)
 * ```
 *
 * @throws {ValueError} if a part is left out.
 */
export function deltaVariant<const Name extends string, Options extends DeltaOptions>(
  spec: DeltaVariant<Name, Options>,
): AttentionVariant<Name, Options> {
  checkFields('deltaVariant', 'spec', spec, ['name', 'defaults', 'forgets', 'forget', 'gates', 'gate']);
  const { name, title, summary, paper, defaults } = spec;
  const sizesOf = (shape: LayerShape, options: Options): DeltaSizes => {
    const { E, H, D, Dv = D } = shape;
    return { E, H, Hk: spec.queryHeads?.(shape, options) ?? H, D, Dv };
  };
  const parametersOf = (shape: LayerShape, options: Options): Record<string, readonly number[]> => {
    const sizes = sizesOf(shape, options);
    const { E, H, Hk, D, Dv } = sizes;
    return {
      ...withBiases(shape, { q: [Hk * D, E], k: [Hk * D, E], v: [H * Dv, E] }),
      convolution: [channelsOf(sizes), options.kernel],
      ...withBiases(shape, { beta: [H, E], ...spec.forgets(sizes) }),
      logRate: [H],
      ...withBiases(shape, { ...spec.gates(sizes), norm: [Dv], o: [E, H * Dv] }),
    };
  };
  const checkOptions = (options: Options): void => {
    checkCount(name, 'kernel', options.kernel);
    if (options.kernel < 2)
      throw new ValueError(name, 'kernel', 'must be at least 2: 1 mixes a token with none', options.kernel);
    if (!(options.eps >= 0 && Number.isFinite(options.eps)))
      throw new ValueError(name, 'eps', 'must be a number ≥ 0', options.eps);
  };
  const variant: AttentionVariant<Name, Options> = defineVariant({
    name,
    title,
    summary,
    paper,
    state: 'recurrent',
    defaults,

    check(shape, options) {
      checkLayerShape(name, shape);
      checkKinds(name, defaults, options);
      checkOptions(options);
      sizesOf(shape, options);
    },

    parameters: parametersOf,

    kv(shape, options): LayerSpec {
      const sizes = sizesOf(shape, options);
      const { H, D, Dv } = sizes;
      const constant = { S: [H, D, Dv], tail: [options.kernel - 1, channelsOf(sizes)] };
      return { kind: 'recurrent', rows: {}, cap: 0, constant };
    },

    cost(shape, options, { B, Lq }) {
      const sizes = sizesOf(shape, options);
      const { H, D, Dv } = sizes;
      const weights = Object.values(parametersOf(shape, options)).filter((size) => size.length > 1);
      return sumCost({
        tokens: B * Lq,
        weights: weights.reduce((sum, size) => sum + sizeOf(size), 0),
        // what is kept, what the key has, what it gets, what the query reads
        attentionFlops: B * Lq * H * D * Dv * (1 + 3 * 2),
        stateReads: B * (H * D * Dv + (options.kernel - 1) * channelsOf(sizes)),
      });
    },

    attend(call, given) {
      const options = resolveOptions(variant, given);
      checkOptions(options);
      checkAttendCall(name, call, (H) => H);
      refuseScoreParts(name, call, true);
      return { out: scope(() => attendUnits(spec, call)) };
    },

    layer(call) {
      checkLayerCall(variant, call);
      refuseExtras(name, call.extras ?? []);
      if (call.position?.kind === 'bias') {
        const rule = 'must act on queries and keys: there are no scores';
        throw new ValueError(name, 'position', rule, call.position.name);
      }
      return scope(() => runLayer(spec, call, sizesOf(call.shape, call.options)));
    },
  });
  return variant;
}

/** The score form: the rule alone, from an empty state. */
function attendUnits<Options extends DeltaOptions>(
  spec: DeltaVariant<string, Options>,
  { q, k, v, x, weights = {} }: AttendCall,
): Tensor<'B Lq H Dv'> {
  const { device } = q;
  const [B, L, H, D] = q.shape as [number, number, number, number];
  const Dv = v.shape[3]!;
  const S = zeros<'B Hkv D Dv'>(device, [B, H, D, Dv]);
  // one length for both: a query has a place among the keys
  const rows = { q: unit(q as Tensor), k: unit(k as Tensor), v: v as Tensor, S };
  const scale = 1 / Math.sqrt(D);
  if (!x) {
    const beta = tensor(device, new Float32Array(B * L).fill(1), [B, L, 1]);
    return linearAttention({ ...rows, beta }, { rule: 'delta', scale }).out as Tensor;
  }
  const learned = Object.keys(spec.forgets({ E: x.shape[2]!, H, Hk: H, D, Dv }));
  checkWeights(spec.name, weights, ['beta', ...learned, 'logRate']);
  const [decay, beta] = [keptOf(spec, x, weights, H), betaOf(x, weights)];
  return linearAttention({ ...rows, decay, beta }, { rule: 'gated_delta', scale }).out as Tensor;
}

/** The layer form; the call is checked. */
function runLayer<Options extends DeltaOptions>(
  spec: DeltaVariant<string, Options>,
  call: LayerCall<Options>,
  { H, Hk, D, Dv }: DeltaSizes,
): LayerResult {
  const { x, weights, state, positions, options } = call;
  const { S, tail } = state.constants() as { readonly S: Tensor; readonly tail: Tensor };
  const places = placesOf(x.device, positions, x.shape, options.kernel);
  const mixed = concat(concat(project(x, weights, 'q'), project(x, weights, 'k')), project(x, weights, 'v'));
  const rows = convolved(mixed, tail, weights.convolution!, places);
  const part = (start: number, heads: number, width: number): Tensor<'B L H D'> =>
    splitHeads(slice(rows.y, start, heads * width), heads);
  const { q, k } = rotate(call, part(0, Hk, D), part(Hk * D, Hk, D));
  const decay = keptOf(spec, x, weights, H);
  const { out, S: next } = linearAttention(
    {
      q: repeatHeads(unit(q), H / Hk),
      k: repeatHeads(unit(k), H / Hk),
      v: part(2 * Hk * D, H, Dv) as Tensor,
      S,
      decay: places ? rowsAt(decay, places.own) : decay,
      beta: betaOf(x, weights),
    },
    { rule: 'gated_delta', scale: 1 / Math.sqrt(D) },
  );
  const normed = mergeHeads(rmsNorm(out as Tensor, weights.norm, { eps: options.eps }));
  const y = project(spec.gate(normed, x, weights), weights, 'o');
  state.advance({ S: next, tail: rows.tail }, positions);
  return { y, state };
}

/** Where the tokens of sequences that are not equally long stand, as rows of tables: an id of −1 is a row of zeros. */
interface Places {
  /** Of each sequence the tokens that are somebody, side by side from the left: `[B, L]` */
  readonly packed: Tensor<string, 'i32'>;
  /** And back: nobody gets zeros. `[B, L]` */
  readonly unpacked: Tensor<string, 'i32'>;
  /** A token's own row, or zeros. `[B, L]` */
  readonly own: Tensor<string, 'i32'>;
  /** Of the rows before the call and the packed ones, the last `kernel − 1` of each sequence. */
  readonly last: Tensor<string, 'i32'>;
}

/** Undefined where every token is somebody. */
function placesOf(
  device: Device,
  { host, shape }: Positions,
  [B, L]: readonly number[],
  kernel: number,
): Places | undefined {
  if (!host.includes(NOBODY)) return undefined;
  const [rows, tokens, P] = [B!, L!, kernel - 1];
  const ids = { packed: fullOf(rows * tokens), unpacked: fullOf(rows * tokens), own: fullOf(rows * tokens) };
  const last = new Int32Array(rows * P);
  for (let b = 0; b < rows; b++) {
    let count = 0;
    for (let t = 0; t < tokens; t++) {
      if (host[shape[0] === 1 ? t : b * tokens + t]! < 0) continue;
      ids.packed[b * tokens + count] = b * tokens + t;
      ids.unpacked[b * tokens + t] = b * tokens + count;
      ids.own[b * tokens + t] = b * tokens + t;
      count++;
    }
    for (let t = 0; t < P; t++) last[b * P + t] = b * (P + tokens) + count + t;
  }
  const upload = (values: Int32Array, width: number): Tensor<string, 'i32'> =>
    tensor(device, values, [rows, width]);
  return {
    packed: upload(ids.packed, tokens),
    unpacked: upload(ids.unpacked, tokens),
    own: upload(ids.own, tokens),
    last: upload(last, P),
  };
}

function fullOf(size: number): Int32Array {
  return new Int32Array(size).fill(NOBODY);
}

/** The short convolution over the tokens that are somebody; zeros for the others, which leave no trace in the tail. */
function convolved(mixed: Tensor, tail: Tensor, weight: Tensor, places: Places | undefined) {
  if (!places) return shortConvolution(mixed, tail, weight);
  const [B, L, C] = mixed.shape as [number, number, number];
  const P = tail.shape[1]!;
  const packed = rowsAt(mixed, places.packed);
  const joined = concat(tail.reshape([B, P * C]), packed.reshape([B, L * C])).reshape([B, P + L, C]);
  const { y } = shortConvolution(packed, tail, weight);
  return { y: rowsAt(y, places.unpacked), tail: rowsAt(joined, places.last) };
}

/** Rows of `[B, rows, ...]` by their number among all of them: `[B, ids, ...]`. */
function rowsAt(x: Tensor, ids: Tensor<string, 'i32'>): Tensor {
  const [B, rows, ...row] = x.shape as [number, number, ...number[]];
  return gather(x.reshape([B * rows, sizeOf(row)]), ids).reshape([B, ids.shape[1]!, ...row]);
}

/** Vectors of length 1 along the last axis: `x / √(Σ x² + eps)`. */
function unit(x: Tensor): Tensor {
  const D = x.shape.at(-1)!;
  // √D times that is an RMS norm
  const gain = tensor(x.device, new Float32Array(D).fill(1 / Math.sqrt(D)), [D]);
  return rmsNorm(x, gain, { eps: UNIT_EPS / D });
}

/** `[B, L, H, D]`, each head so many times: a a b b. */
function repeatHeads(x: Tensor, times: number): Tensor {
  const [B, L, H, D] = x.shape as [number, number, number, number];
  let wide = x;
  for (let copy = 1; copy < times; copy++) wide = concat(wide, x);
  return wide.reshape([B, L, H * times, D]);
}

function betaOf(x: Tensor, weights: Weights): Tensor {
  return unary(project(x, weights, 'beta'), 'sigmoid');
}

/** `−exp(logRate) · softplus(forget(x))`: `[B, L, H, 1 | D]`. */
function keptOf<Options extends DeltaOptions>(
  { forget }: DeltaVariant<string, Options>,
  x: Tensor,
  weights: Weights,
  H: number,
): Tensor {
  const given = forget(x, weights);
  const [B, L, width] = given.shape as [number, number, number];
  // −softplus(a) = log σ(−a)
  const negative = logSigmoid(binary(zeros(x.device, [1]), given, 'subtract'));
  const rate = unary(weights.logRate!, 'exp').reshape([H, 1]);
  return binary(negative.reshape([B, L, H, width / H]), rate, 'multiply');
}

function channelsOf({ H, Hk, D, Dv }: DeltaSizes): number {
  return 2 * Hk * D + H * Dv;
}
