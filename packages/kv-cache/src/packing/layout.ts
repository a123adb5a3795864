import { checkGiven, sizeOf } from '@headwise/tensor';
import type { Quantization } from '../dtype.ts';

/** How a block of `tokens` rows of `n` numbers is packed. */
export interface PackLayout {
  readonly bits: 8 | 4;
  readonly along: 'token' | 'channel';
  /** Tokens of a block. */
  readonly tokens: number;
  /** Numbers of a row. */
  readonly n: number;
  /** Of a `token` group: the last axis of a row. */
  readonly width: number;
  /** Largest code, 255 or 15. */
  readonly levels: number;
  /**
   * Codes in one element of the device. Devices hold float32, which carries 24 bits exactly: three codes of 8
   * bits, six of 4. So a packed number takes 4/3 or 2/3 of a byte on the device, and 1 or 1/2 in a file.
   */
  readonly perElement: 3 | 6;
  /** Elements that hold the codes of a block. */
  readonly elements: number;
  /** Scales (and minima) of a block. */
  readonly groups: number;
}

export function packLayout(row: readonly number[], { bits, along, group = 32 }: Quantization): PackLayout {
  const n = sizeOf(row);
  const width = row.at(-1) ?? 1;
  const perElement = bits === 8 ? 3 : 6;
  return {
    bits,
    along,
    tokens: group,
    n,
    width,
    levels: bits === 8 ? 255 : 15,
    perElement,
    elements: Math.ceil((group * n) / perElement),
    groups: along === 'token' ? (group * n) / width : n,
  };
}

/**
 * The most that a number of a group may be off after packing: half a step, and what float32 rounds.
 *
 * ```text
 * |x̂ − x| ≤ (max − min) / (2 · levels) · (1 + 2⁻¹⁰) + 2⁻²¹ · max|x| + 2⁻¹²⁵
 * ```
 *
 * A group of equal numbers is exact but for the second term, a group of zeros exact. One huge number widens the
 * step of its own group and of no other. A number that is not finite spoils its group. Never throws.
 *
 * @param group the numbers that share a scale
 */
export function packingBound(group: ArrayLike<number>, bits: 8 | 4): number {
  checkGiven('packingBound', { group, bits });
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < group.length; i++) {
    low = Math.min(low, group[i]!);
    high = Math.max(high, group[i]!);
  }
  const levels = bits === 8 ? 255 : 15;
  const step = high / levels - low / levels;
  return (step / 2) * (1 + 2 ** -10) + 2 ** -21 * Math.max(Math.abs(low), Math.abs(high)) + 2 ** -125;
}
