import {
  type AttentionExtra,
  attentionWith,
  binary,
  type Device,
  linear,
  type Modifier,
  matmul,
  type Positions,
  permute,
  rmsNorm,
  type StateView,
  type Tensor,
  tensor,
  unary,
  ValueError,
  where,
} from '@headwise/tensor';
import type { AttendCall, AttendResult, LayerCall, LayerShape, Placement, ScoreParts } from './contract.ts';

/** What of a call the encoding needs. */
type Encoded = Pick<LayerCall<unknown>, 'position' | 'positions'>;

type Weights = Readonly<Record<string, Tensor>>;

/**
 * `weights[name] · x`, with the bias `weights[name + '.bias']` where there is one: `[B, L, out]`.
 *
 * @throws {ShapeError} if x is not as wide as the weight takes.
 * @throws {ValueError} if the weight is missing.
 */
export function project(x: Tensor, weights: Weights, name: string): Tensor {
  return linear(x, weights[name]!, { bias: weights[`${name}.bias`] });
}

/** Projections with the biases that the shape declares, each beside its projection. Never throws. */
export function withBiases(
  { biases = [] }: LayerShape,
  shapes: Readonly<Record<string, readonly number[]>>,
): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(shapes).flatMap(([name, shape]) =>
      biases.includes(name) && shape.length === 2
        ? [
            [name, shape],
            [`${name}.bias`, [shape[0]!]],
          ]
        : [[name, shape]],
    ),
  );
}

/**
 * Queries or keys `[B, L, H, D]` through the norm that the shape declares for them, before they are turned.
 *
 * @param name of the gain: `qNorm`, `kNorm`
 * @throws {ShapeError} if the gain is not as wide as what it norms.
 */
export function normHeads(
  { headNorm }: LayerShape,
  x: Tensor<'B L H D'>,
  weights: Weights,
  name: 'qNorm' | 'kNorm',
): Tensor<'B L H D'> {
  if (!headNorm) return x;
  const { over, eps } = headNorm;
  if (over === 'head') return rmsNorm(x, weights[name], { eps });
  const [B, L, H, D] = x.shape as [number, number, number, number];
  return rmsNorm(x.reshape([B, L, H * D]), weights[name], { eps }).reshape([B, L, H, D]);
}

/**
 * The output `[B, L, H, Dv]` times the gate that the shape declares, from what the layer was given.
 *
 * @throws {ShapeError} if the gate's weight does not fit.
 */
export function gateHeads({ gate }: LayerShape, out: Tensor, x: Tensor, weights: Weights): Tensor {
  if (!gate) return out;
  const [B, L, H, Dv] = out.shape as [number, number, number, number];
  const opened = unary(project(x, weights, 'gate'), 'sigmoid');
  return binary(out, opened.reshape(gate === 'head' ? [B, L, H, 1] : [B, L, H, Dv]), 'multiply');
}

/**
 * `log σ(x) = min(x, 0) − log(1 + exp(−|x|))`, to the last bits also where σ is nearly 1: a gate that forgets little is
 * passed many times.
 *
 * @throws {DeviceError} if x is disposed.
 */
export function logSigmoid<Axes extends string>(x: Tensor<Axes>): Tensor<Axes> {
  const [one, zero, half] = [1, 0, 0.5].map((value) => tensor(x.device, [value], [1])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const away = unary(x, 'abs');
  const small = unary(binary(zero, away, 'subtract'), 'exp');
  const sum = binary(small, one, 'add');
  // what is lost in 1 + small is lost in the logarithm alike: Kahan's log1p
  const kept = binary(sum, one, 'subtract');
  const any = binary(zero, kept, 'less');
  const factor = binary(unary(sum, 'log'), where(any, kept, one), 'divide');
  const log = where(any, binary(small, factor, 'multiply'), small);
  return binary(binary(binary(x, away, 'subtract'), half, 'multiply'), log, 'subtract');
}

/** `[B, L, H · D]` → `[B, L, H, D]`: the same numbers. @throws {ShapeError} if H does not divide the width. */
export function splitHeads(x: Tensor, H: number): Tensor<'B L H D'> {
  const [B, L, O] = x.shape as [number, number, number];
  return x.reshape<'B L H D'>([B, L, H, O / H]);
}

/** `[B, L, H, D]` → `[B, L, H · D]`: the same numbers. @throws {DeviceError} if x is disposed. */
export function mergeHeads(x: Tensor): Tensor<'B L E'> {
  const [B, L, H, D] = x.shape as [number, number, number, number];
  return x.reshape<'B L E'>([B, L, H * D]);
}

/**
 * Turns queries and keys where the encoding is a rotation; else hands them back.
 *
 * @throws {ValueError} if the state turns keys itself, which would turn them twice.
 */
export function rotate(
  call: Encoded & Pick<LayerCall<unknown>, 'state'>,
  q: Tensor<'B L H D'>,
  k: Tensor<'B L H D'>,
): { readonly q: Tensor<'B L H D'>; readonly k: Tensor<'B L H D'> } {
  if (call.state.turnsKeys) {
    const rule = 'must leave keys as they are: this variant turns them before they are kept';
    throw new ValueError('attention', 'state', rule, 'one that turns them itself');
  }
  return call.position?.kind === 'rotation' ? call.position.rotate(q, k, call.positions) : { q, k };
}

/**
 * Turns queries alone: those of a layer that reads keys which somebody else has turned.
 *
 * @throws {ShapeError | ValueError} if the encoding refuses the width or the positions.
 */
export function rotateQueries(
  { position, positions }: Encoded,
  q: Tensor<'B L H D'>,
  at: Positions = positions,
): Tensor<'B L H D'> {
  if (position?.kind !== 'rotation') return q;
  return position.turn?.(q, at, 'q') ?? position.rotate(q, q, at).q;
}

/**
 * `out[b, i, h] = Σ_j weights[b, h, i, j] · v[b, j, ⌊h · Hkv / H⌋]`: the second half of attention, by itself.
 *
 * @param weights `[B, H, Lq, Lk]`
 * @param v `[B, Lk, Hkv, Dv]`
 * @returns `[B, Lq, H, Dv]`
 * @throws {ShapeError} if their sizes do not go together.
 */
export function weigh(weights: Tensor, v: Tensor): Tensor<'B Lq H Dv'> {
  const [B, H, Lq, Lk] = weights.shape as [number, number, number, number];
  const [, , Hkv, Dv] = v.shape as [number, number, number, number];
  const values = permute(v, [0, 2, 1, 3]).reshape([B * Hkv, Lk, Dv]);
  // the query heads of a group stand together
  const sums = matmul(weights.reshape([B * Hkv, (H / Hkv) * Lq, Lk]), values);
  return permute(sums.reshape([B, H, Lq, Dv]), [0, 2, 1, 3]);
}

/** What a view says beside its rows, in the words of a call of attention. Never throws. */
export function placement(view: StateView): Placement {
  const { valid, offset, cursor, keyPositions, queryPositions, keyUntil } = view;
  return {
    valid,
    offset,
    ...(cursor && { cursor }),
    ...(keyPositions && { keyPositions }),
    ...(queryPositions && { queryPositions }),
    ...(keyUntil && { keyUntil }),
  };
}

/**
 * The part that a position bias adds to the score of these queries and slots.
 *
 * @throws {ShapeError | ValueError} if the encoding refuses the heads or the positions.
 */
export function positionBias(
  { position, x }: Pick<LayerCall<unknown>, 'position' | 'x'>,
  { H, Lq, Lk }: { readonly H: number; readonly Lq: number; readonly Lk: number },
  { offset, queryPositions, keyPositions }: StateView,
): Pick<AttendCall, 'bias' | 'slopes'> {
  if (position?.kind !== 'bias') return {};
  return position.bias(x.device, H, Lq, Lk, offset, { queryPositions, keyPositions });
}

/**
 * Softmax attention of one call with these parts: every variant's score passes through here.
 *
 * @throws {ShapeError | ValueError} if shapes disagree, a part is out of range, or a modifier is not made by its definer.
 * @throws {DeviceError} if the device cannot run it.
 */
export function softmaxAttention(
  name: string,
  call: Omit<AttendCall, 'weights' | 'layer'>,
  parts: ScoreParts,
  sinks?: Tensor<'H'>,
): AttendResult {
  const { q, k, v, bias, slopes, cursor, keyPositions, keyUntil } = call;
  checkModifiers(name, call.modifiers ?? []);
  const valid = call.valid ?? k.shape[1] ?? 0;
  const Lq = q.shape[1] ?? 0;
  const offset = call.offset ?? Math.max(0, valid - Lq);
  checkOffset(name, offset);
  // the operation reads the offset of a causal call only; others say their positions
  const queryPositions =
    call.queryPositions ?? (cursor || parts.causal || offset === 0 ? undefined : range(q.device, offset, Lq));
  const inputs = { q, k, v, bias, slopes, sinks, keyPositions, queryPositions, keyUntil, cursor };
  const { out, ...extras } = attentionWith<AttentionExtra>(
    inputs,
    {
      scale: parts.scale,
      // with a cursor the two numbers are in memory, and the call is the same from step to step
      causal: parts.causal && (cursor ? true : { offset }),
      prefix: parts.prefix,
      window: parts.window,
      sinkTokens: parts.sinkTokens,
      segments: parts.segments,
      softcap: parts.softcap,
      modifiers: [...(parts.modifiers ?? []), ...(call.modifiers ?? [])],
      valid: cursor ? undefined : valid,
    },
    call.extras ?? [],
  );
  return { out, ...extras };
}

/** What the definers read with a parser is only glanced at here: a parser would weigh more than the rest. */
function checkModifiers(name: string, modifiers: readonly Modifier[]): void {
  modifiers.forEach((modifier, i) => {
    const { kind, source } = (modifier ?? {}) as Partial<Modifier>;
    const made = (kind === 'score' || kind === 'mask') && /^\s*function\b/.test(String(source));
    if (made) return;
    const rule = 'must be the text of a function expression, made with scoreModifier or maskModifier';
    throw new ValueError(name, `modifiers[${i}]`, rule, source ?? typeof modifier);
  });
}

function range(device: Device, start: number, Lq: number): Tensor<'B Lq', 'i32'> {
  return tensor<'B Lq'>(
    device,
    Int32Array.from({ length: Lq }, (_, i) => start + i),
    [1, Lq],
  );
}

function checkOffset(name: string, offset: number): void {
  if (Number.isInteger(offset) && offset >= 0) return;
  throw new ValueError(name, 'offset', 'must be a whole number ≥ 0 (the position of query 0)', offset);
}
