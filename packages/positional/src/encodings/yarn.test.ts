import { expect, it } from 'vitest';
import golden from '../../golden/yarn.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { yarn, yarnMagnitude, yarnRange } from './yarn.ts';

checkEncoding(yarn, { golden });

it('joins kept and slowed pairs where the facts say', () => {
  const range = { base: 10_000, originalLength: 4096, betaFast: 32, betaSlow: 1, truncate: true };
  expect(yarnRange(16, range)).toEqual([2, 6]);
  // transformers' find_correction_range ends at R − 1, though there are but R/2 pairs
  expect(yarnRange(8, { ...range, originalLength: 1e6 })).toEqual([3, 6]);
  expect(yarnRange(8, { ...range, originalLength: 1e8 })).toEqual([5, 7]);
  const [low, high] = yarnRange(64, { ...range, base: 150_000, truncate: false });
  expect(low).toBeCloseTo(8.092779115512402, 9);
  expect(high).toBeCloseTo(17.39802450158856, 9);
});

it('sharpens attention by the factor of the paper, or by DeepSeek’s', () => {
  const factorOf = (options: object) =>
    yarn({ factor: 4, originalLength: 4096, ...options }).spectrum(16).attentionFactor;
  expect(factorOf({})).toBeCloseTo(1.138629436111989, 12);
  expect(factorOf({ mscale: 1, mscaleAllDim: 1 })).toBe(1);
  expect(factorOf({ mscale: 0, mscaleAllDim: 0 })).toBeCloseTo(1.138629436111989, 12);
  expect(factorOf({ factor: 0.5 })).toBe(1);
  expect(yarnMagnitude(32)).toBeCloseTo(1.3465735902799727, 12);
});

it.each([
  [{ originalLength: 0 }, 'yarn: originalLength must be a finite number > 0, got 0'],
  [
    { betaFast: 1, betaSlow: 2 },
    'yarn: betaFast must be at least betaSlow = 2: fast pairs turn more often, got 1',
  ],
  [{ betaSlow: 0 }, 'yarn: betaSlow must be a finite number > 0, got 0'],
  [{ base: 1 }, 'yarn: base must be above 1, since its logarithm divides, got 1'],
  [{ attentionFactor: -1 }, 'yarn: attentionFactor must be a finite number > 0, got -1'],
  [{ fraction: 2 }, 'yarn: fraction must be in (0, 1], the share of a head that turns, got 2'],
])('refuses %o', (options, message) => {
  expect(() => yarn({ factor: 4, originalLength: 64, ...options })).toThrow(message);
});

it.each([0, -1, Number.NaN, Infinity])('refuses the factor %d', (factor) => {
  expect(() => yarn({ factor, originalLength: 64 })).toThrow(
    `yarn: factor must be a finite number > 0, got ${factor}`,
  );
});
