import { bindAxes, describeShapes } from '../axes.ts';
import type { OutputSpec, ShapedInput } from '../contracts/device.ts';
import { ShapeError, ValueError } from '../errors.ts';
import type { AttentionExtra, AttentionInputs, AttentionParams } from './attention-form.ts';
import { f32 } from './rows.ts';

/**
 * Checks one call of attention, and says what it returns.
 *
 * @throws {ShapeError} if shapes disagree or `H` is not a multiple of `Hkv`.
 * @throws {ValueError} if a parameter is out of range.
 */
export function checkAttention(
  inputs: { readonly [K in keyof AttentionInputs]: ShapedInput },
  params: AttentionParams,
): readonly OutputSpec[] {
  const { q, k, v, bias, slopes, sinks, queryPositions, keyPositions, keyUntil, cursor } = inputs;
  const qkv = { q: [q, 'B Lq H D'], k: [k, 'B Lk Hkv D'], v: [v, 'B Lk Hkv Dv'] } as const;
  const { B, H, Hkv, Lq, Lk } = bindAxes('attention', qkv);
  if (Hkv === 0 || H % Hkv !== 0) {
    throw new ShapeError(
      'attention',
      `H = ${H} query heads cannot be split into Hkv = ${Hkv} groups`,
      describeShapes(qkv),
      'H',
    );
  }
  if (bias || slopes || sinks || queryPositions || keyPositions || keyUntil || cursor) {
    // no object made of another: at every step that is garbage which V8 keeps long
    bindAxes('attention', {
      q: qkv.q,
      k: qkv.k,
      v: qkv.v,
      bias: bias && [bias, `${orOne(bias, 0, 'B')} ${orOne(bias, 1, 'H')} Lq Lk`],
      slopes: slopes && [slopes, 'H'],
      sinks: sinks && [sinks, 'H'],
      queryPositions: queryPositions && [queryPositions, `${orOne(queryPositions, 0, 'B')} Lq`],
      keyPositions: keyPositions && [keyPositions, `${orOne(keyPositions, 0, 'B')} Lk`],
      keyUntil: keyUntil && [keyUntil, `${orOne(keyUntil, 0, 'B')} Lk`],
      cursor: cursor && [cursor, '2'],
    });
  }
  checkParams(params, Lk, v.shape[3]!);
  const out = f32([B, Lq, H, params.Dv]);
  if (params.extras.length === 0) return [out];

  const scores = f32([B, H, Lq, Lk]);
  const extra: Record<AttentionExtra, OutputSpec> = {
    lse: f32([B, H, Lq]),
    weights: scores,
    raw: scores,
    capped: scores,
    scores,
  };
  return [out, ...params.extras.map((name) => extra[name])];
}

function must(ok: boolean, argument: string, rule: string, got: unknown): void {
  if (!ok) throw new ValueError('attention', argument, rule, got);
}

function count(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}

function orOne({ shape }: ShapedInput, at: number, axis: string): string {
  return shape[at] === 1 ? '1' : axis;
}

function checkParams(params: AttentionParams, Lk: number, width: number): void {
  const { scale, prefix, segment, offset, before, after, sinkTokens, softcap, valid, Dv } = params;
  must(Number.isFinite(scale), 'scale', 'must be a finite number', scale);
  must(count(offset), 'causal.offset', 'must be a whole number ≥ 0 (the position of query 0)', offset);
  const rule = 'must be a whole number ≥ 0 or Infinity (a window of W tokens with the own one is [W − 1, 0])';
  must(before === Infinity || count(before), 'window before', rule, before);
  must(after === Infinity || count(after), 'window after', rule, after);
  must(count(prefix), 'prefix', 'must be a whole number ≥ 0 (0 for none)', prefix);
  must(count(segment), 'segments.length', 'must be a whole number ≥ 0 (0 for none)', segment);
  must(count(sinkTokens), 'sinkTokens', 'must be a whole number ≥ 0', sinkTokens);
  must(
    Number.isFinite(softcap) && softcap >= 0,
    'softcap',
    'must be a finite number ≥ 0 (0 for none)',
    softcap,
  );
  if (!(count(valid) && valid <= Lk))
    must(false, 'valid', `must be a whole number from 0 to Lk = ${Lk}`, valid);
  if (!(count(Dv) && Dv >= 1 && Dv <= width))
    must(false, 'valueWidth', `must be a whole number from 1 to ${width}, the width of a row of v`, Dv);
}
