import { bytesOfRow, type RowFormat, rowFormats, sizeOf, ValueError } from '@headwise/tensor';
import type { CacheFormat } from './contract.ts';

/** Rows as whole numbers of a few bits, with a scale and a minimum for each group of values. */
export interface Quantization {
  readonly bits: 8 | 4;
  /**
   * What shares a scale: `token` the last axis of one token's row (a head), `channel` one number of the row over
   * `group` tokens.
   */
  readonly along: 'token' | 'channel';
  /** Tokens of a `channel` group. Without meaning for `token`. Default 32. */
  readonly group?: number;
}

/**
 * How a number is stored: `f32`, what a device keeps (`RowFormat`), or what a quantized cache packs. `int8` and `int4`
 * stand for one scale and one minimum a head and token.
 */
export type StorageType = 'f32' | RowFormat | 'int8' | 'int4' | Quantization;

/** A scale and a minimum, both float32. */
export const SCALE_BYTES = 8;

/** Bytes of `tokens` rows of one shape. A `channel` group that has begun is counted whole. */
export function bytesOfRows(row: readonly number[], tokens: number, dtype: StorageType): number {
  const elements = sizeOf(row);
  if (dtype === 'f32') return 4 * tokens * elements;
  if (isRowFormat(dtype)) {
    const width = row.at(-1) ?? 1;
    return tokens * sizeOf(row.slice(0, -1)) * bytesOfRow(width, dtype);
  }
  const { bits, along, group = 32 } = quantizationOf(dtype);
  const payload = tokens * Math.ceil((elements * bits) / 8);
  const groups =
    along === 'token' ? (tokens * elements) / (row.at(-1) ?? 1) : Math.ceil(tokens / group) * elements;
  return payload + groups * SCALE_BYTES;
}

/** In how many bits the rows of a name are kept; undefined for f32. */
export function formatOf(format: CacheFormat | undefined, name: string): RowFormat | undefined {
  if (typeof format !== 'object') return format;
  return Object.hasOwn(format, name) ? format[name] : undefined;
}

/** Bytes of one number of a state of constant size, which is never quantized. */
export function bytesOfConstant(dtype: StorageType): number {
  return dtype === 'f16' || dtype === 'bf16' ? 2 : 4;
}

function isRowFormat(dtype: StorageType): dtype is RowFormat {
  return (rowFormats as readonly unknown[]).includes(dtype);
}

/** Bytes a token adds to rows of one shape in the long run: a `channel` group's scales spread over its tokens. */
export function bytesPerToken(row: readonly number[], dtype: StorageType): number {
  if (typeof dtype === 'object' && dtype.along === 'channel') {
    const { group = 32 } = dtype;
    return bytesOfRows(row, group, dtype) / group;
  }
  return bytesOfRows(row, 1, dtype);
}

function quantizationOf(dtype: StorageType): Quantization {
  if (dtype === 'int8') return { bits: 8, along: 'token' };
  if (dtype === 'int4') return { bits: 4, along: 'token' };
  if (typeof dtype === 'object' && (dtype.bits === 8 || dtype.bits === 4)) return dtype;
  throw new ValueError(
    'kv',
    'dtype',
    `must be f32, ${rowFormats.join(', ')}, int8, int4 or a quantization of 8 or 4 bits`,
    typeof dtype === 'object' ? `${(dtype as Quantization).bits} bits` : dtype,
  );
}
