import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import golden from '../../golden/alibi.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { alibi, alibiSlopes } from './alibi.ts';

checkEncoding(alibi, { golden });

it.each([
  [6, [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]],
  [8, [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625]],
  [
    12,
    [
      0.5,
      0.25,
      0.125,
      0.0625,
      0.03125,
      0.015625,
      0.0078125,
      0.00390625,
      Math.SQRT1_2,
      0.35355339059327384,
      0.17677669529663695,
      0.08838834764831849,
    ],
  ],
])('has the slopes that the facts give for %d heads', (H, want) => {
  expect([...alibiSlopes(H)]).toEqual(want.map((slope) => expect.closeTo(slope, 12)));
});

it.each([0, 2.5, -4])('refuses %d heads', (H) => {
  expect(() => alibiSlopes(H)).toThrow(`alibi: H must be a whole number ≥ 1, got ${H}`);
});

it('refuses slopes that do not fit', () => {
  const device = createReference();
  expect(() => alibi({ slopes: [1, 2] }).bias(device, 3, 1, 1, 0)).toThrow(
    'alibi: slopes must have one number for each of the H = 3 heads, got [1, 2]',
  );
  expect(() => alibi({ slopes: [1, -2] })).toThrow('alibi: slopes[1] must be a finite number ≥ 0, got -2');
  expect(() => alibi({ maxBias: 0 })).toThrow('alibi: maxBias must be a finite number > 0, got 0');
});
