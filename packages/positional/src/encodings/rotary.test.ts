import { createPositions, createReference, ValueError } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/rotary.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { rotary } from './rotary.ts';

checkEncoding(rotary, { golden });

const device = createReference();
const heads = (D: number, L = 2) => seeded<'B L H D'>(device, [1, L, 1, D], 1);
const at = (...positions: number[]) => createPositions(device, [positions]);

it('turns at the speeds that the facts give', () => {
  expect([...rotary().spectrum(8).inverseFrequencies]).toEqual(
    [1, 0.1, 0.01, 0.001].map((f) => expect.closeTo(f, 9)),
  );
});

it('turns the first numbers of a head and leaves the rest', async () => {
  const x = heads(8, 1);
  const turned = await rotary({ fraction: 0.5 }).turn(x, at(3), 'q').data();
  const values = await x.data();
  expect(turned.slice(4)).toEqual(values.slice(4));
  expect(turned[0]).not.toBe(values[0]);
});

it.each([
  [{ fraction: 0 }, 'rotary: fraction must be in (0, 1], the share of a head that turns, got 0'],
  [{ fraction: 1.01 }, 'rotary: fraction must be in (0, 1], the share of a head that turns, got 1.01'],
  [{ fraction: Number.NaN }, 'rotary: fraction must be in (0, 1], the share of a head that turns, got NaN'],
  [
    { width: 3 },
    'rotary: width must be an even number ≥ 2, since the numbers of a head turn in pairs, got 3',
  ],
  [
    { width: 0 },
    'rotary: width must be an even number ≥ 2, since the numbers of a head turn in pairs, got 0',
  ],
  [
    { width: 4, fraction: 0.5 },
    'rotary: width and fraction say the same thing: give one of them, got "width 4, fraction 0.5"',
  ],
  [{ base: 0 }, 'rotary: base must be a finite number > 0, got 0'],
  [{ layout: 'halves' as 'half' }, 'rotary: layout must be "half" or "interleaved", got "halves"'],
])('refuses the options %o', (options, message) => {
  expect(() => rotary(options)).toThrow(ValueError);
  expect(() => rotary(options)).toThrow(message);
});

it('refuses a head whose turning part is odd or too wide', () => {
  expect(() => rotary().turn(heads(5), at(0, 1), 'q')).toThrow(
    'rotary: rotary width (⌊1 · 5⌋) must be an even number ≥ 2, since the numbers of a head turn in pairs, got 5',
  );
  expect(() => rotary({ fraction: 0.1 }).spectrum(8)).toThrow(
    'rotary: rotary width (⌊0.1 · 8⌋) must be an even number ≥ 2, since the numbers of a head turn in pairs, got 0',
  );
  expect(() => rotary({ width: 10 }).spectrum(8)).toThrow(
    'rotary: rotary width must be at most D = 8, the width of a head, got 10',
  );
});

it('refuses positions below −1 (nobody), fractional, too few, or on another device', () => {
  const encoding = rotary();
  expect(() => at(0, -2)).toThrow(
    'positions: positions[0][1] must be a whole number from -1 to 16777216 (−1 is nobody), got -2',
  );
  expect(() => at(0.5, 1)).toThrow(
    'positions: positions[0][0] must be a whole number from -1 to 16777216 (−1 is nobody), got 0.5',
  );
  expect(() => createPositions(device, { start: -2, L: 2 })).toThrow(
    'positions: start must be a whole number from 0 to 16777216, got -2',
  );
  expect(() => encoding.tables(8, [1.5])).toThrow('rotary: positions[0] must be a whole number ≥ 0, got 1.5');
  expect(() => encoding.turn(heads(8), at(0, 1, 2), 'q')).toThrow(
    'rotary: axis L has two sizes: x says 2, positions says 3',
  );
  expect(() => encoding.turn(heads(8), createPositions(createReference(), { start: 0, L: 2 }), 'q')).toThrow(
    'reference: rotary was given positions of another device, reference\n  Make them with createPositions on this device.',
  );
});

it('believes the positions, not a length that is too short for them', async () => {
  const x = heads(8);
  const right = at(3, 900);
  const got = await rotary()
    .turn(x, { ...right, end: 4 }, 'q')
    .data();
  expect(got).toEqual(await rotary().turn(x, right, 'q').data());
});

it('takes positions that do not say how long each sequence is', async () => {
  const x = heads(8);
  const { ends: _, ...plain } = at(3, 4);
  const got = await rotary()
    .turn(x, plain as ReturnType<typeof at>, 'q')
    .data();
  expect(got).toEqual(await rotary().turn(x, at(3, 4), 'q').data());
});

it('turns tokens far beyond any table it would keep', async () => {
  const encoding = rotary();
  const x = heads(8, 1);
  const far = 2 ** 24;
  const { cos, sin } = encoding.tables(8, [far]);
  const turned = await encoding.turn(x, at(far), 'k').data();
  const [a, b] = [(await x.data())[0]!, (await x.data())[4]!];
  expect(turned[0]).toBeCloseTo(a * cos[0]! - b * sin[0]!, 5);
  expect(device.memory.liveBytes).toBeLessThan(2 ** 20);
});
