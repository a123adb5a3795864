import { expect, it } from 'vitest';
import golden from '../../golden/proportional.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { proportional } from './proportional.ts';

checkEncoding(proportional, { golden });

it('lets the fastest share of a whole head turn', () => {
  const { R, inverseFrequencies } = proportional({ fraction: 0.25 }).spectrum(16);
  expect(R).toBe(16);
  expect([...inverseFrequencies]).toEqual([1, expect.closeTo(10_000 ** (-1 / 8), 12), 0, 0, 0, 0, 0, 0]);
});

it.each([
  [{ fraction: 0 }, 16, 'proportional: fraction must be in (0, 1], the share of a head that turns, got 0'],
  [{ fraction: 0.1 }, 8, 'proportional: fraction must let a pair of a head of D = 8 turn, got 0.1'],
  [{}, 7, 'proportional: D must be even, since the numbers of a head turn in pairs, got 7'],
])('refuses %o of a head of %d', (options, D, message) => {
  expect(() => proportional(options).spectrum(D)).toThrow(message);
});

it.each([0, -1, Number.NaN, Infinity])('refuses the factor %d', (factor) => {
  expect(() => proportional({ factor })).toThrow(
    `proportional: factor must be a finite number > 0, got ${factor}`,
  );
});
