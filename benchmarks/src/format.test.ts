import { expect, it } from 'vitest';
import {
  digits,
  formatBytes,
  formatContext,
  formatCount,
  formatDuration,
  formatEstimate,
  formatMs,
  formatMsEstimate,
  formatShare,
} from './format.ts';

it.each([
  [formatMs(0.0854), '85.4 µs'],
  [formatMs(12.345), '12.3 ms'],
  [formatMs(999.9), '1000 ms'],
  [formatMs(1240), '1.24 s'],
  [formatMsEstimate({ median: 0.481, low: 0.471, high: 0.494, coverage: 0.96, n: 9 }), '481 µs [471, 494]'],
  [formatBytes(0), '0 B'],
  [formatBytes(1023), '1023 B'],
  [formatBytes(131_072), '128 KiB'],
  [formatBytes(1.5 * 2 ** 30), '1.50 GiB'],
  [formatCount(131_072), '131,072'],
  [formatContext(1000), '1000'],
  [formatContext(4096), '4k'],
  [formatContext(2 ** 20), '1M'],
  [formatShare(1 / 8), '1/8'],
  [formatShare(1), 'all'],
  [formatShare(0.28125), '0.281×'],
  [formatShare(1 / 960.3), '≈1/960'],
  [formatDuration(65_000), '1 min 5 s'],
  [digits(0.000001234), '0.00000123'],
  [digits(-12.345), '-12.3'],
  [formatEstimate({ median: 2, low: 0, high: Infinity, coverage: 0.96, n: 9 }), '2.00× [0, ∞]'],
  [formatEstimate({ median: 0.5, low: 0.4, high: 0.61, coverage: 0.9611, n: 9 }), '0.500× [0.400, 0.610]'],
  [
    formatEstimate({ median: 0.5, low: 0.4, high: 0.6, coverage: 0.75, n: 3 }),
    '0.500× [0.400, 0.600] (75 %)',
  ],
])('writes %s as %s', (got, want) => {
  expect(got).toBe(want);
});
