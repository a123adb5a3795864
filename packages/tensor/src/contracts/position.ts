import type { Device } from '../device/device.ts';
import { ValueError } from '../errors.ts';
import { type Tensor, tensor } from '../tensor.ts';

/** Absolute positions of the tokens of one call: what encodings, masks and caches share. */
export interface Positions {
  /** `[B, L]`, or `[1, L]` for all b: whole numbers ≥ 0. */
  readonly host: Int32Array;
  /** The same on the device. */
  readonly tensor: Tensor<'B L', 'i32'>;
  readonly shape: readonly [B: number, L: number];
  /** One more than the largest position: the length the sequence has now, for encodings that depend on it. */
  readonly end: number;
}

/**
 * Positions `start … start + L − 1` for every sequence, or any whole numbers ≥ 0 row by row.
 *
 * @throws {ValueError} for a negative or fractional position.
 */
export function createPositions(
  device: Device,
  source: { readonly start: number; readonly L: number } | readonly (readonly number[])[],
): Positions {
  const rows = 'start' in source ? [Array.from({ length: source.L }, (_, i) => source.start + i)] : source;
  const L = rows[0]?.length ?? 0;
  const flat = rows.flat();
  flat.forEach((position, i) => {
    if (!Number.isInteger(position) || position < 0) {
      throw new ValueError(
        'positions',
        `positions[${Math.floor(i / Math.max(1, L))}][${i % Math.max(1, L)}]`,
        'must be a whole number ≥ 0',
        position,
      );
    }
  });
  if (rows.some((row) => row.length !== L))
    throw new ValueError(
      'positions',
      'rows',
      'must all have the same length',
      rows.map((row) => row.length),
    );
  const host = Int32Array.from(flat);
  const shape = [rows.length, L] as const;
  return {
    host,
    shape,
    tensor: tensor<'B L'>(device, host, shape),
    end: host.reduce((max, position) => Math.max(max, position + 1), 0),
  };
}

/** A position encoding that turns queries and keys: rotary and its scalings, xPos. */
export interface Rotation {
  readonly kind: 'rotation';
  readonly name: string;
  /** @returns new q `[B, Lq, H, D]` and k `[B, Lq, Hkv, D]` */
  rotate(
    q: Tensor<'B L H D'>,
    k: Tensor<'B L H D'>,
    positions: Positions,
  ): { readonly q: Tensor<'B L H D'>; readonly k: Tensor<'B L H D'> };
}

/** A position encoding that acts on scores: ALiBi, T5. It hands attention one of its declared parts. */
export interface PositionBias {
  readonly kind: 'bias';
  readonly name: string;
  /**
   * The part for `Lq` queries at positions `offset …` and `Lk` keys at `0 …`: ALiBi gives `slopes [H]`, others
   * a table `bias [1, H, Lq, Lk]`.
   */
  bias(
    device: Device,
    H: number,
    Lq: number,
    Lk: number,
    offset: number,
  ): { readonly slopes: Tensor<'H'> } | { readonly bias: Tensor<'B H Lq Lk'> };
}

/** A position encoding that is added to the embeddings: sinusoidal, learned. */
export interface InputEncoding {
  readonly kind: 'input';
  readonly name: string;
  /** @returns new x `[B, L, E]` */
  encode(x: Tensor<'B L E'>, positions: Positions): Tensor<'B L E'>;
}

/** No position encoding at all (NoPE). */
export interface NoEncoding {
  readonly kind: 'none';
  readonly name: string;
}

/** Any position encoding a model can take. */
export type PositionEncoding = Rotation | PositionBias | InputEncoding | NoEncoding;
