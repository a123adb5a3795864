import { expect, it } from 'vitest';
import golden from '../../golden/linear.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { linear } from './linear.ts';

checkEncoding(linear, { golden });

it('turns at the speeds that the facts give', () => {
  expect([...linear({ factor: 4 }).spectrum(8).inverseFrequencies]).toEqual(
    [0.25, 0.025, 0.0025, 0.00025].map((f) => expect.closeTo(f, 9)),
  );
});

it.each([0, -1, Number.NaN, Infinity])('refuses the factor %d', (factor) => {
  expect(() => linear({ factor })).toThrow(`linear: factor must be a finite number > 0, got ${factor}`);
});
