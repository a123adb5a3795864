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
    if (low <= high) split(encode(low, bytes), encode(high, bytes), [], found);
  }
  return found;
}

/** Splits at the first byte where the ends differ, so that what follows it is free. */
function split(
  low: readonly number[],
  high: readonly number[],
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
    split(lowRest, highRest, [...before, [a, a]], found);
    return;
  }
  const lowest = lowRest.map(() => 0x80);
  const highest = highRest.map(() => 0xbf);
  const lowIsFree = lowRest.every((byte) => byte === 0x80);
  const highIsFree = highRest.every((byte) => byte === 0xbf);
  const from = lowIsFree ? a : a + 1;
  const to = highIsFree ? b : b - 1;
  if (!lowIsFree) split(lowRest, highest, [...before, [a, a]], found);
  if (from <= to) found.push([...before, [from, to], ...lowest.map((): Range => [0x80, 0xbf])]);
  if (!highIsFree) split(lowest, highRest, [...before, [b, b]], found);
}

function encode(point: number, bytes: number): number[] {
  if (bytes === 1) return [point];
  const lead = [0, 0, 0xc0, 0xe0, 0xf0][bytes]!;
  const tail = Array.from({ length: bytes - 1 }, (_, i) => 0x80 | ((point >> (6 * (bytes - 2 - i))) & 0x3f));
  return [lead | (point >> (6 * (bytes - 1))), ...tail];
}
