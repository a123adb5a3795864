import { expect, it } from 'vitest';
import golden from '../../golden/ntk-aware.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { ntkAware } from './ntk-aware.ts';

checkEncoding(ntkAware, { golden });

it('slows the slowest pair by the whole factor and the fastest not at all', () => {
  const plain = ntkAware({ factor: 1 }).spectrum(64).inverseFrequencies;
  const raised = ntkAware({ factor: 8 }).spectrum(64).inverseFrequencies;
  expect(raised[0]).toBe(plain[0]);
  expect(plain[31]! / raised[31]!).toBeCloseTo(8, 9);
});

it('refuses a head of one pair, which cannot be slowed', () => {
  expect(() => ntkAware({ factor: 8 }).spectrum(2)).toThrow(
    'ntk-aware: rotary width must be at least 4: the exponent R / (R − 2) has no value at 2, got 2',
  );
});

it.each([0, -1, Number.NaN, Infinity])('refuses the factor %d', (factor) => {
  expect(() => ntkAware({ factor })).toThrow(`ntk-aware: factor must be a finite number > 0, got ${factor}`);
});
