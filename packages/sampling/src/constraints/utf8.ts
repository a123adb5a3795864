import type { Range } from './expression.ts';

/** First code point and lead byte of each encoded length. */
const lengths: readonly (readonly [first: number, last: number, bytes: number])[] = [
  [0, 0x7f, 1],
  [0x80, 0x7ff, 2],
  [0x800, 0xffff, 3],
  [0x10000, 0x10ffff, 4],
];

/**
 * Byte ranges, one list a sequence, that together match the UTF-8 forms of a range of code points and nothing
 * else. Automata over bytes can then take tokens that end in the middle of a character.
 */
export function utf8Sequences([first, last]: Range): Range[][] {
  const found: Range[][] = [];
  for (const [from, to, bytes] of lengths) {
    const low = Math.max(first, from);
    const high = Math.min(last, to);
    if (low <= high) found.push(...digitSequences(encode(low, bytes), encode(high, bytes), [0x80, 0xbf]));
  }
  return found;
}

/**
 * Digit ranges, one list a sequence, that together match the numbers from `low` to `high`, both given by equally
 * many digits; `free` is the smallest and largest that a digit after the first can be.
 */
export function digitSequences(low: readonly number[], high: readonly number[], free: Range): Range[][] {
  const found: Range[][] = [];
  split(low, high, free, [], found);
  return found;
}

/** Splits at the first digit where the ends differ, so that what follows it is free. */
function split(
  low: readonly number[],
  high: readonly number[],
  free: Range,
  before: readonly Range[],
  found: Range[][],
): void {
  const [a, ...lowRest] = low as [number, ...number[]];
  const [b, ...highRest] = high as [number, ...number[]];
  if (lowRest.length === 0) {
    found.push([...before, [a, b]]);
    return;
  }
  if (a === b) {
    split(lowRest, highRest, free, [...before, [a, a]], found);
    return;
  }
  const [least, most] = free;
  const lowest = lowRest.map(() => least);
  const highest = highRest.map(() => most);
  const lowIsFree = lowRest.every((digit) => digit === least);
  const highIsFree = highRest.every((digit) => digit === most);
  const from = lowIsFree ? a : a + 1;
  const to = highIsFree ? b : b - 1;
  if (!lowIsFree) split(lowRest, highest, free, [...before, [a, a]], found);
  if (from <= to) found.push([...before, [from, to], ...lowest.map((): Range => free)]);
  if (!highIsFree) split(lowest, highRest, free, [...before, [b, b]], found);
}

function encode(point: number, bytes: number): number[] {
  if (bytes === 1) return [point];
  const lead = [0, 0, 0xc0, 0xe0, 0xf0][bytes]!;
  const tail = Array.from({ length: bytes - 1 }, (_, i) => 0x80 | ((point >> (6 * (bytes - 2 - i))) & 0x3f));
  return [lead | (point >> (6 * (bytes - 1))), ...tail];
}
