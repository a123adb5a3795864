import { createPositions, createReference, linear, type Tensor, tensor } from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { rotary } from './encodings/rotary.ts';
import { convertRotaryLayout } from './rotary-layout.ts';

it('moves rows between the layouts, and back', () => {
  const rows = Float32Array.from({ length: 8 }, (_, row) => row);
  const half = convertRotaryLayout(rows, { heads: 1, D: 8, to: 'half' });
  expect([...half]).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
  expect(convertRotaryLayout(half, { heads: 1, D: 8, to: 'interleaved' })).toEqual(rows);
  expect([...rows]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

it('leaves what does not turn in its place', () => {
  const rows = Float64Array.from({ length: 12 }, (_, row) => row);
  const half = convertRotaryLayout(rows, { heads: 2, D: 6, width: 4, to: 'half' });
  expect([...half]).toEqual([0, 2, 1, 3, 4, 5, 6, 8, 7, 9, 10, 11]);
});

it('gives a checkpoint the same scores under the other layout', async () => {
  const device = createReference();
  const [H, Hkv, D, E, L] = [4, 2, 8, 6, 5];
  const x = tensor<'B L E'>(device, seededValues(L * E, 1), [1, L, E]);
  const positions = createPositions(device, { start: 3, L });
  const weights = { q: seededValues(H * D * E, 2), k: seededValues(Hkv * D * E, 3) };
  const project = (weight: Float32Array, heads: number): Tensor<'B L H D'> =>
    linear(x, tensor(device, weight, [heads * D, E])).reshape([1, L, heads, D]);
  const scores = async (q: Tensor<'B L H D'>, k: Tensor<'B L H D'>, layout: 'half' | 'interleaved') => {
    const turned = rotary({ layout }).rotate(q, k, positions);
    const [a, b] = [await turned.q.data(), await turned.k.data()];
    return Array.from({ length: L * L }, (_, n) => {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += a[Math.floor(n / L) * H * D + d]! * b[(n % L) * Hkv * D + d]!;
      return sum;
    });
  };
  const before = await scores(project(weights.q, H), project(weights.k, Hkv), 'interleaved');
  const q = convertRotaryLayout(weights.q, { heads: H, D, to: 'half' });
  const k = convertRotaryLayout(weights.k, { heads: Hkv, D, to: 'half' });
  const after = await scores(project(q, H), project(k, Hkv), 'half');
  after.forEach((score, n) => {
    expect(score).toBeCloseTo(before[n]!, 5);
  });
});

describe('refuses', () => {
  const weight = new Float32Array(16);
  it.each([
    [
      { heads: 2, D: 8, width: 3 },
      'convertRotaryLayout: width must be an even number from 2 to D = 8, got 3',
    ],
    [
      { heads: 2, D: 8, width: 10 },
      'convertRotaryLayout: width must be an even number from 2 to D = 8, got 10',
    ],
    [{ heads: 2, D: 5 }, 'convertRotaryLayout: width must be an even number from 2 to D = 5, got 5'],
    [
      { heads: 3, D: 8 },
      'convertRotaryLayout: weight must have 3 heads · 8 = 24 rows of one length, got "16 numbers"',
    ],
    [{ heads: 0, D: 8 }, 'convertRotaryLayout: heads must be a whole number ≥ 1, got 0'],
  ])('%o', (shape, message) => {
    expect(() => convertRotaryLayout(weight, { ...shape, to: 'half' })).toThrow(message);
  });

  it('a layout it does not know', () => {
    expect(() => convertRotaryLayout(weight, { heads: 2, D: 8, to: 'halves' as 'half' })).toThrow(
      'convertRotaryLayout: to must be "half" or "interleaved", got "halves"',
    );
  });
});
