import { expect, it } from 'vitest';
import golden from '../../golden/llama3.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { llama3 } from './llama3.ts';

checkEncoding(llama3, { golden });

it('turns at the speeds that the facts give', () => {
  const { inverseFrequencies } = llama3({ base: 500_000, factor: 8, originalLength: 8192 }).spectrum(16);
  const want = [
    1.0, 0.19392274474868576, 0.03760603093086393, 0.0072926647372171085, 0.0005248461609929547,
    3.428102195952591e-5, 6.647869871181236e-6, 1.2891731721515574e-6,
  ];
  want.forEach((f, i) => {
    expect(inverseFrequencies[i]! / f).toBeCloseTo(1, 9);
  });
});

it.each([
  [{ highFrequencyFactor: 1 }, 'llama3: highFrequencyFactor must be above lowFrequencyFactor = 1, got 1'],
  [{ lowFrequencyFactor: 0 }, 'llama3: lowFrequencyFactor must be a finite number > 0, got 0'],
  [{ originalLength: Number.NaN }, 'llama3: originalLength must be a finite number > 0, got NaN'],
])('refuses %o', (given, message) => {
  expect(() => llama3({ factor: 8, originalLength: 8192, ...given })).toThrow(message);
});

it.each([0, -1, Number.NaN, Infinity])('refuses the factor %d', (factor) => {
  expect(() => llama3({ factor, originalLength: 8192 })).toThrow(
    `llama3: factor must be a finite number > 0, got ${factor}`,
  );
});
