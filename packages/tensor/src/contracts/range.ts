import { ValueError } from '../errors.ts';
import type { RowFormat } from './format.ts';

/** From here on a number rounds to infinity in f16, and in bf16. */
const BEYOND_HALF = 65520;
const BEYOND_BRAIN = 2 ** 128 - 2 ** 119;
const BLOCK = 32;

/** What a format holds, for errors. */
const holds: Readonly<Record<RowFormat, string>> = {
  f16: 'numbers up to ±65504',
  bf16: 'numbers up to ±3.39e38',
  Q8_0: 'numbers up to ±8.32e6: 127 times the largest scale of a block, which is an f16',
  Q4_0: 'numbers up to ±524,000: 8 times the largest scale of a block, which is an f16',
  Q4_1: 'blocks whose least number is within ±65504 and whose largest is at most 982,000 above it',
};

/**
 * Refuses finite numbers that a format cannot hold: rounded, such a number would be infinite, or its block NaN. This is
 * the one rule for weights and for rows, wherever they come from: the host, the device that keeps them, or a file.
 * Numbers that are not finite pass.
 *
 * @param values rows of `width` numbers
 * @throws {ValueError} naming the first such number as an element of `argument`.
 */
export function checkRange(
  op: string,
  argument: string,
  values: ArrayLike<number>,
  width: number,
  format: RowFormat,
): void {
  const index = outOfRange(values, width, format);
  if (index < 0) return;
  throw new ValueError(
    op,
    `${argument}[${index}]`,
    `cannot be stored as ${format}, which holds ${holds[format]}`,
    values[index],
  );
}

function outOfRange(values: ArrayLike<number>, width: number, format: RowFormat): number {
  if (format === 'f16' || format === 'bf16') {
    const beyond = format === 'f16' ? BEYOND_HALF : BEYOND_BRAIN;
    for (let n = 0; n < values.length; n++) {
      const size = Math.abs(values[n]!);
      if (size >= beyond && size < Infinity) return n;
    }
    return -1;
  }
  for (let row = 0; row < values.length; row += width) {
    const end = Math.min(row + width, values.length);
    for (let start = row; start < end; start += BLOCK) {
      const bad = badInBlock(values, start, Math.min(start + BLOCK, end), format);
      if (bad >= 0) return bad;
    }
  }
  return -1;
}

/** The number farthest from 0 of a block whose scale or minimum no f16 holds; in f32, as the kernels compute them. */
function badInBlock(values: ArrayLike<number>, start: number, end: number, format: RowFormat): number {
  let low = start;
  let high = start;
  for (let n = start; n < end; n++) {
    if (!Number.isFinite(values[n])) return -1;
    if (values[n]! < values[low]!) low = n;
    if (values[n]! > values[high]!) high = n;
  }
  const [least, most] = [values[low]!, values[high]!];
  const largest = Math.max(-least, most);
  const scale =
    format === 'Q8_0'
      ? Math.fround(largest / 127)
      : format === 'Q4_0'
        ? largest / 8
        : Math.fround(Math.fround(most - least) / 15);
  const fits = scale < BEYOND_HALF && (format !== 'Q4_1' || Math.abs(least) < BEYOND_HALF);
  return fits ? -1 : largest === most ? high : low;
}
