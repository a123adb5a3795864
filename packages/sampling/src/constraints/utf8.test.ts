import { expect, it } from 'vitest';
import { complement, intersect, normalize, type Range } from './expression.ts';
import { utf8Sequences } from './utf8.ts';

const matches = (sequences: Range[][], bytes: Uint8Array) =>
  sequences.some(
    (s) => s.length === bytes.length && s.every(([a, b], i) => a <= bytes[i]! && bytes[i]! <= b),
  );

it.each<Range>([
  [0, 0x10ffff],
  [0x61, 0x7a],
  [0x70, 0x100],
  [0x7ff, 0x801],
  [0xfff0, 0x10010],
  [0x3041, 0x3096],
  [0x1f600, 0x1f64f],
  [0x10ffff, 0x10ffff],
])('matches the UTF-8 forms of %i … %i and no others', (first, last) => {
  const sequences = normalize([[first, last]]).flatMap(utf8Sequences);
  const points = [
    first - 1,
    first,
    last,
    last + 1,
    0,
    0x41,
    0x7f,
    0x80,
    0x7ff,
    0x800,
    0xd7ff,
    0xe000,
    0xffff,
    0x10000,
  ];
  for (let point = 0; point <= 0x10ffff; point += 997) points.push(point);
  for (const point of points) {
    if (point < 0 || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) continue;
    const bytes = new TextEncoder().encode(String.fromCodePoint(point));
    expect(matches(sequences, bytes), point.toString(16)).toBe(first <= point && point <= last);
  }
});

it('keeps surrogates out, which UTF-8 cannot write', () => {
  expect(normalize([[0xd7ff, 0xe000]])).toEqual([
    [0xd7ff, 0xd7ff],
    [0xe000, 0xe000],
  ]);
});

it('normalises, complements and intersects ranges', () => {
  expect(
    normalize([
      [5, 9],
      [1, 2],
      [3, 4],
      [8, 12],
    ]),
  ).toEqual([[1, 12]]);
  expect(
    complement([
      [0, 0x40],
      [0x42, 0x10ffff],
    ]),
  ).toEqual([[0x41, 0x41]]);
  expect(
    intersect(
      [[1, 10]],
      [
        [5, 20],
        [0, 2],
      ],
    ),
  ).toEqual([
    [1, 2],
    [5, 10],
  ]);
});
