import { expect, it } from 'vitest';
import golden from '../../golden/longrope.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { longrope } from './longrope.ts';

checkEncoding(longrope, { golden });

const options = { shortFactors: [1, 1.1], longFactors: [2, 3], originalLength: 64 };

it('sharpens attention by the factor that the facts give', () => {
  const encoding = longrope({ ...options, originalLength: 4096, factor: 32 });
  expect(encoding.spectrum(4).attentionFactor).toBeCloseTo(1.1902380714238083, 12);
  expect(longrope(options).spectrum(4).attentionFactor).toBe(1);
});

it('changes its list once, past the trained length', () => {
  const rule = longrope(options).dependsOnLength!;
  expect(rule.boundary).toBe(64);
  expect([rule.regime(1), rule.regime(64), rule.regime(65), rule.regime(9999)]).toEqual([0, 0, 1, 1]);
});

it.each([
  [
    { shortFactors: [1] },
    'longrope: shortFactors and longFactors must have the same length, one number for each pair, got "1 and 2 numbers"',
  ],
  [{ longFactors: [1, 0] }, 'longrope: longFactors[1] must be a finite number > 0, got 0'],
  [
    { shortFactors: 2 as never },
    'longrope: shortFactors must be a list of numbers, one for each pair, got 2',
  ],
  [{ originalLength: 1 }, 'longrope: originalLength must be a whole number ≥ 2, got 1'],
  [{ factor: 0 }, 'longrope: factor must be a finite number > 0, got 0'],
  [{ attentionFactor: 0 }, 'longrope: attentionFactor must be a finite number > 0, got 0'],
])('refuses %o', (given, message) => {
  expect(() => longrope({ ...options, ...given })).toThrow(message);
});

it('refuses a head that its lists do not fit', () => {
  expect(() => longrope(options).spectrum(8)).toThrow(
    'longrope: shortFactors must have one number for each of the R/2 = 4 pairs of a rotary width of 8, got "2 numbers"',
  );
});
