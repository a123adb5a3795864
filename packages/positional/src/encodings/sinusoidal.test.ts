import { createPositions, createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/sinusoidal.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { sinusoidal, sinusoidalTable } from './sinusoidal.ts';

checkEncoding(sinusoidal, { golden });

const device = createReference();

it('moves every row by one and the same rotation, whatever the position', async () => {
  const rows = await sinusoidal().rows(8, { start: 0, L: 60 });
  const dot = (p: number, q: number) => {
    let sum = 0;
    for (let e = 0; e < 8; e++) sum += rows[p * 8 + e]! * rows[q * 8 + e]!;
    return sum;
  };
  expect(dot(3, 10)).toBeCloseTo(dot(50, 57), 12);
  expect(dot(3, 3)).toBeCloseTo(4, 12);
});

it('ends with the slowest frequency 1/base where the spacing is tensor2tensor’s', () => {
  const row = sinusoidalTable(6, [1], { layout: 'half', spacing: 'tensor2tensor' });
  expect(row[2]).toBeCloseTo(Math.sin(1e-4), 12);
});

it.each([
  [{ base: -1 }, 8, 'sinusoidal: base must be a finite number > 0, got -1'],
  [{ offset: 0.5 }, 8, 'sinusoidal: offset must be a whole number ≥ 0, got 0.5'],
  [{ layout: 'halves' as 'half' }, 8, 'sinusoidal: layout must be "interleaved" or "half", got "halves"'],
  [{ spacing: 't2t' as 'paper' }, 8, 'sinusoidal: spacing must be "paper" or "tensor2tensor", got "t2t"'],
  [{}, 7, 'sinusoidal: E must be an even number ≥ 2, since each frequency has a sine and a cosine, got 7'],
  [
    { spacing: 'tensor2tensor' as const },
    2,
    'sinusoidal: E must be an even number ≥ 4, since each frequency has a sine and a cosine, got 2',
  ],
])('refuses %o at a width of %d', (options, E, message) => {
  const x = seeded<'B L E'>(device, [1, 1, E], 1);
  expect(() => sinusoidal(options).encode(x, createPositions(device, [[0]]))).toThrow(message);
});
