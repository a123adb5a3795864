import { ValueError } from '../errors.ts';
import { checkGiven } from '../given.ts';
import { type Tensor, tensor } from '../tensor.ts';
import type { Device } from './device.ts';

/** Absolute positions of the tokens of one call: what encodings, masks and caches share. */
export interface Positions {
  /** `[B, L]`, or `[1, L]` for all b: whole numbers ≥ 0, and −1 for nobody (padding, a row that has ended). */
  readonly host: Int32Array;
  /** The same on the device. */
  readonly tensor: Tensor<'B L', 'i32'>;
  readonly shape: readonly [B: number, L: number];
  /** One more than the largest position: the length the sequence has now, for encodings that depend on it. */
  readonly end: number;
  /** The same of each row, `[B | 1]`: encodings that depend on the length treat a row as if it were alone. */
  readonly ends: readonly number[];
}

/** The largest position: every device carries whole numbers exactly up to here. */
const LAST_POSITION = 2 ** 24;

/** A token that stands nowhere. */
export const NOBODY = -1;

/**
 * Positions `start … start + L − 1` for every sequence, or any whole numbers row by row, −1 for a token that is
 * nobody. Rows of different lengths are filled up with −1 on the right.
 *
 * @throws {ValueError} for a position that is fractional, below −1 or beyond 2^24.
 * @example
 * createPositions(device, [[0, 1, 2], [5]]).shape // [2, 3]; the second row is 5, −1, −1
 */
export function createPositions(
  device: Device,
  source: { readonly start: number; readonly L: number } | readonly (readonly number[])[],
): Positions {
  checkGiven('createPositions', { device, source });
  if ('start' in source && (!Number.isInteger(source.L) || source.L < 0))
    throw new ValueError('positions', 'L', 'must be a whole number ≥ 0', source.L);
  if ('start' in source) checkPosition(source.start, 'start', 0);
  const rows = 'start' in source ? [Array.from({ length: source.L }, (_, i) => source.start + i)] : source;
  const L = rows.reduce((longest, row) => Math.max(longest, row.length), 0);
  const host = new Int32Array(rows.length * L).fill(NOBODY);
  rows.forEach((row, b) => {
    row.forEach((position, i) => {
      // its name is made only where it is needed: that takes longer than all else here
      if (!isPosition(position, NOBODY)) checkPosition(position, `positions[${b}][${i}]`, NOBODY);
      host[b * L + i] = position;
    });
  });
  const shape = [rows.length, L] as const;
  const ends = rows.map((row) => row.reduce((end, position) => Math.max(end, position + 1), 0));
  return {
    host,
    shape,
    tensor: tensor<'B L'>(device, host, shape),
    end: Math.max(0, ...ends),
    ends,
  };
}

function isPosition(position: number, least: number): boolean {
  return Number.isInteger(position) && position >= least && position <= LAST_POSITION;
}

function checkPosition(position: number, argument: string, least: number): void {
  if (isPosition(position, least)) return;
  const rule = `must be a whole number from ${least} to ${LAST_POSITION}${least < 0 ? ' (−1 is nobody)' : ''}`;
  throw new ValueError('positions', argument, rule, position);
}

/**
 * What a rotation says whose angles follow the length of the sequence (dynamic NTK, longrope), beside the position.
 *
 * Keys that a cache keeps were turned when the sequence was shorter. While `regime` gives the same number for
 * both lengths nothing is to be done. When it changes, three ways are open: turn the kept keys again with
 * `turnAgain`; compute the whole prefix again (the only way to the numbers of a single pass, since the layers
 * above have read attention under the old angles); or leave the keys as they are, as many programs do, and lose
 * the relative property across the boundary.
 */
export interface LengthDependence {
  /** Up to this length the angles are those of the position alone. */
  readonly boundary: number;
  /** Two lengths with the same number have the same angles. Never throws. */
  regime(length: number): number;
  /**
   * Keys turned at length `from`, as if turned at length `to`.
   * @param k `[B, L, Hkv, D]`
   * @throws {ShapeError} if its shape and the positions do not fit each other.
   */
  turnAgain(k: Tensor<'B L H D'>, positions: Positions, from: number, to: number): Tensor<'B L H D'>;
}

/** A position encoding that turns queries and keys: rotary and its scalings, xPos. */
export interface Rotation {
  readonly kind: 'rotation';
  readonly name: string;
  /** Absent: a key's angles follow from its position alone, and stay right however long the sequence gets. */
  readonly dependsOnLength?: LengthDependence | undefined;
  /**
   * @param keyPositions of k, where they are not those of q: a cache that keeps keys unturned and re-indexes
   * @returns new q `[B, Lq, H, D]` and k `[B, Lk, Hkv, D]`
   * @throws {ShapeError} if a shape and the positions do not fit each other.
   * @throws {ValueError} if a width or a position is one that it cannot turn.
   */
  rotate(
    q: Tensor<'B L H D'>,
    k: Tensor<'B L H D'>,
    positions: Positions,
    keyPositions?: Positions,
  ): { readonly q: Tensor<'B L H D'>; readonly k: Tensor<'B L H D'> };
  /** One side alone; absent in a rotation that can only turn both. @throws as {@link rotate} does. */
  turn?(x: Tensor<'B L H D'>, positions: Positions, side: 'q' | 'k'): Tensor<'B L H D'>;
  /**
   * Makes what positions up to `end` need now, so that no later call makes it: the tables then stay where they are,
   * and steps differ in numbers only. Absent where nothing is made.
   * @throws {ValueError} if `D` or `end` is one that it cannot serve.
   */
  reserve?(device: Device, end: number, D: number): void;
}

/** Where the tokens stand, for a bias; what is left out is counted (`offset + i`, `j`). */
export interface BiasPositions {
  /** `[B | 1, Lq]` i32 */
  readonly queryPositions?: Tensor<string, 'i32'> | undefined;
  /** `[B | 1, Lk]` i32; −1 for an empty slot, whose bias is arbitrary */
  readonly keyPositions?: Tensor<string, 'i32'> | undefined;
}

/** A position encoding that acts on scores: ALiBi, T5. It hands attention one of its declared parts. */
export interface PositionBias {
  readonly kind: 'bias';
  readonly name: string;
  /**
   * The part for `Lq` queries at positions `offset …` and `Lk` keys at `0 …`: ALiBi gives `slopes [H]`, others
   * a table `bias [1, H, Lq, Lk]`, or `[B, H, Lq, Lk]` where positions differ by sequence.
   *
   * @param at positions that are not so: packed documents, padding, a cache that moves its slots
   * @throws {ValueError | ShapeError} if it serves another number of heads.
   * @throws {DeviceError} if its table is on another device.
   */
  bias(
    device: Device,
    H: number,
    Lq: number,
    Lk: number,
    offset: number,
    at?: BiasPositions,
  ): { readonly slopes: Tensor<'H'> } | { readonly bias: Tensor<'B H Lq Lk'> };
}

/** A position encoding that is added to the embeddings: sinusoidal, learned. */
export interface InputEncoding {
  readonly kind: 'input';
  readonly name: string;
  /**
   * @returns new x `[B, L, E]`
   * @throws {ShapeError} if x and the positions do not fit each other, or its width is another.
   * @throws {ValueError} if a position is beyond what it has.
   */
  encode(x: Tensor<'B L E'>, positions: Positions): Tensor<'B L E'>;
  /** As `Rotation.reserve`, for embeddings of width E. @throws {ValueError} if `end` is beyond what it has. */
  reserve?(device: Device, end: number, E: number): void;
}

/** No position encoding at all (NoPE). */
export interface NoEncoding {
  readonly kind: 'none';
  readonly name: string;
}

/** Any position encoding a model can take. */
export type PositionEncoding = Rotation | PositionBias | InputEncoding | NoEncoding;
