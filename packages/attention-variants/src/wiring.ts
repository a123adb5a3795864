import {
  type AttentionExtra,
  attentionWith,
  type Device,
  linear,
  type Modifier,
  type StateView,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import type { AttendCall, AttendResult, LayerCall, Placement } from './contract.ts';

/** The declared parts of a score; what is left out is not there. */
export interface ScoreParts {
  /** Multiplies the dot products. Default `1 / √D`. */
  readonly scale?: number | undefined;
  /** Query at position p sees keys at positions ≤ p. */
  readonly causal: boolean;
  /** `[before, after]`: a key is seen when `−after ≤ q − k ≤ before`. */
  readonly window?: readonly [before: number, after: number] | undefined;
  /** Keys at positions below this are seen whatever the window says. */
  readonly sinkTokens?: number | undefined;
  /** `c · tanh(s / c)`, before everything else. */
  readonly softcap?: number | undefined;
  readonly modifiers?: readonly Modifier[] | undefined;
}

type Weights = Readonly<Record<string, Tensor>>;

/** `weights[name] · x`, with the bias `weights[name + '.bias']` where there is one: `[B, L, out]`. */
export function project(x: Tensor, weights: Weights, name: string): Tensor {
  return linear(x, weights[name]!, { bias: weights[`${name}.bias`] });
}

/** `[B, L, H · D]` → `[B, L, H, D]`: the same numbers. */
export function splitHeads(x: Tensor, H: number): Tensor<'B L H D'> {
  const [B, L, O] = x.shape as [number, number, number];
  return x.reshape<'B L H D'>([B, L, H, O / H]);
}

/** `[B, L, H, D]` → `[B, L, H · D]`: the same numbers. */
export function mergeHeads(x: Tensor): Tensor<'B L E'> {
  const [B, L, H, D] = x.shape as [number, number, number, number];
  return x.reshape<'B L E'>([B, L, H * D]);
}

/** Turns queries and keys where the encoding is a rotation; else hands them back. */
export function rotate(
  call: Pick<LayerCall<unknown>, 'position' | 'positions'>,
  q: Tensor<'B L H D'>,
  k: Tensor<'B L H D'>,
): { readonly q: Tensor<'B L H D'>; readonly k: Tensor<'B L H D'> } {
  return call.position?.kind === 'rotation' ? call.position.rotate(q, k, call.positions) : { q, k };
}

/** What a view says beside its rows, in the words of a call of attention. */
export function placement(view: StateView): Placement {
  const { valid, offset, keyPositions, queryPositions, keyUntil } = view;
  return {
    valid,
    offset,
    ...(keyPositions && { keyPositions }),
    ...(queryPositions && { queryPositions }),
    ...(keyUntil && { keyUntil }),
  };
}

/**
 * The part that a position bias adds to the score of these queries and slots.
 *
 * @throws {ValueError} if the bias is a table by position and the slots do not stand in the order of positions.
 */
export function positionBias(
  name: string,
  { position, x }: Pick<LayerCall<unknown>, 'position' | 'x'>,
  { H, Lq, Lk }: { readonly H: number; readonly Lq: number; readonly Lk: number },
  view: StateView,
): Pick<AttendCall, 'bias' | 'slopes'> {
  if (position?.kind !== 'bias') return {};
  const part = position.bias(x.device, H, Lq, Lk, view.offset);
  if ('bias' in part && (view.keyPositions || view.queryPositions)) {
    const rule =
      'is a table by position, so slot j must hold position j: use a growing cache, or slopes (ALiBi)';
    throw new ValueError(name, 'position', rule, `"${position.name}" with a cache that moves its slots`);
  }
  return part;
}

/** Softmax attention of one call with these parts: every variant's score passes through here. */
export function softmaxAttention(
  name: string,
  call: Omit<AttendCall, 'weights' | 'layer'>,
  parts: ScoreParts,
  sinks?: Tensor<'H'>,
): AttendResult {
  const { q, k, v, bias, slopes, keyPositions, keyUntil } = call;
  const valid = call.valid ?? k.shape[1] ?? 0;
  const Lq = q.shape[1] ?? 0;
  const offset = call.offset ?? Math.max(0, valid - Lq);
  checkOffset(name, offset);
  // the operation reads the offset of a causal call only; others say their positions
  const queryPositions =
    call.queryPositions ?? (parts.causal || offset === 0 ? undefined : range(q.device, offset, Lq));
  const inputs = { q, k, v, bias, slopes, sinks, keyPositions, queryPositions, keyUntil };
  const { out, ...extras } = attentionWith<AttentionExtra>(
    inputs,
    {
      scale: parts.scale,
      causal: parts.causal && { offset },
      window: parts.window,
      sinkTokens: parts.sinkTokens,
      softcap: parts.softcap,
      modifiers: [...(parts.modifiers ?? []), ...(call.modifiers ?? [])],
      valid,
    },
    call.extras ?? [],
  );
  return { out, ...extras };
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
