import { expect, it } from 'vitest';
import { rowFormats } from './format.ts';
import { checkRange } from './range.ts';

const check = (values: readonly number[], width: number, format: (typeof rowFormats)[number]): void =>
  checkRange('write', 'source', values, width, format);

// IEEE 754: halfway between the largest f16, 65504, and the next power of two is already infinite
it('holds in 16 bits what rounds to a finite number, and what is infinite or no number as it is', () => {
  check([65504, -65519.9, Infinity, -Infinity, Number.NaN], 5, 'f16');
  expect(() => check([1, -65520, 2], 3, 'f16')).toThrow(
    'write: source[1] cannot be stored as f16, which holds numbers',
  );
  check([70_000, 3.39e38, Infinity], 3, 'bf16');
  expect(() => check([0, 0, 3.4e38], 3, 'bf16')).toThrow('source[2] cannot be stored as bf16');
});

// a scale is an f16: the largest of a block over 127 (Q8_0) or 8 (Q4_0), the range of a block over 15 (Q4_1)
it.each([
  ['Q8_0', 127 * 65_500, 127 * 65_540],
  ['Q4_0', 8 * 65_500, 8 * 65_540],
] as const)('holds in %s a block whose scale an f16 holds, of either sign', (format, fits, beyond) => {
  for (const sign of [1, -1]) {
    check([0, sign * fits, 1], 3, format);
    expect(() => check([0, sign * beyond, 1], 3, format)).toThrow(`source[1] cannot be stored as ${format}`);
  }
  // the larger side is named
  expect(() => check([beyond, -2 * beyond], 2, format)).toThrow('source[1]');
  expect(() => check([2 * beyond, -beyond], 2, format)).toThrow('source[0]');
});

it('holds in Q4_1 a block whose range and whose minimum an f16 holds', () => {
  check([-65_000, 900_000, 3], 3, 'Q4_1');
  check([60_000, 60_000], 2, 'Q4_1');
  // the range fits and the minimum does not
  expect(() => check([70_000, 70_001], 2, 'Q4_1')).toThrow('cannot be stored as Q4_1');
  expect(() => check([0, 15 * 65_540], 2, 'Q4_1')).toThrow('source[1] cannot be stored as Q4_1');
  expect(() => check([5, -15 * 65_540], 2, 'Q4_1')).toThrow('source[1] cannot be stored as Q4_1');
});

it.each(rowFormats)(
  'looks at every block of every row in %s, the last ones that are not full too',
  (format) => {
    const width = 40;
    for (const at of [0, 31, 32, 39, 40, 71, 72, 79]) {
      const values = new Array<number>(2 * width).fill(1);
      values[at] = 3.402e38;
      expect(() => check(values, width, format)).toThrow(`source[${at}] cannot be stored as ${format}`);
      // a block that holds what is not finite keeps it, and says nothing of its other numbers
      if (format === 'f16' || format === 'bf16') continue;
      values[at % width === 0 || at % width === 32 ? at + 1 : at - 1] = Number.NaN;
      check(values, width, format);
    }
  },
);
