import { expect, it } from 'vitest';
import { readOptions, writeOptions } from '../option-link.ts';
import { recorded, recordedText } from './recorded.ts';
import { differenceOf, headOf, outputOf, panelsOf, steps, topKeys, whyHidden } from './steps.ts';

it('the recording comes back as the numbers it was', () => {
  expect(recordedText).toMatch(/^Once upon/);
  const { pieces, H, weights, scores, footprint, ids } = recorded;
  expect(ids[0]).toBe(1);
  expect(weights).toHaveLength(H * pieces.length ** 2);
  expect([weights![1], scores![1]]).toEqual([Number.NaN, Number.NaN]);
  expect(weights![0]).toBe(1);
  expect(footprint.cap).toBe(Infinity);
});

it('a head’s output is its weights times the values it reads', () => {
  const { pieces, weights, v, H } = recorded;
  const L = pieces.length;
  const { values, width } = outputOf(recorded, 4)!;
  const [i, d] = [L - 1, 3];
  let sum = 0;
  for (let j = 0; j <= i; j++)
    sum += weights![(4 * L + i) * L + j]! * v!.values[(j * v!.heads + headOf(v!, 4, H)) * width + d]!;
  expect(headOf(v!, 4, H)).toBe(1);
  expect(values[i * width + d]).toBeCloseTo(sum, 5);
});

it('every step but the cache has a picture in the recording', () => {
  for (const { value } of steps)
    expect([value, panelsOf(recorded, value, 0).length > 0]).toEqual([value, value !== 'kept']);
});

it('says why a key is hidden', () => {
  expect(whyHidden(recorded, 2, 5)).toBe('the key stands at 5, after the query at 2: causal');
  const windowed = { ...recorded, parts: { ...recorded.parts!, before: 3 } };
  expect(whyHidden(windowed, 9, 1)).toBe('the key is 8 tokens back, and the window reaches 3 back');
});

it('lists the keys that a query looks at most, hidden ones aside', () => {
  const top = topKeys(recorded, 0, 3, 10);
  expect(top).toHaveLength(4);
  expect(top.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 2);
});

it('takes a difference, in which hidden by one is zero there and hidden by both is hidden', () => {
  const [a, b] = [Float32Array.of(0.5, Number.NaN, 0.25), Float32Array.of(0.25, Number.NaN, Number.NaN)];
  expect([...differenceOf(a, b)]).toEqual([0.25, Number.NaN, 0.25]);
});

it.each([
  {},
  { window: 4 },
  { convention: 'mistral', causal: false },
  { pattern: [0, 0, 2, 2] },
  { scale: 0.5 },
])('options %o come back from a link', (options) =>
  expect(readOptions(writeOptions(options))).toEqual(options),
);
