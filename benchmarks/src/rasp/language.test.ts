import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complete, solve } from './complete.ts';
import { END, MARK, START } from './contract.ts';
import { above, equals, looseRasp, rasp, type Sequence } from './language.ts';
import {
  at,
  countTrue,
  first,
  hasSeen,
  induct,
  mode,
  nextAbove,
  nextBelow,
  shift,
  where,
} from './library.ts';
import { randomOf } from './random.ts';
import { tasks } from './tasks.ts';

const l = rasp;
const short = { minLength: 1, maxLength: 12 };
const texts = fc.array(fc.integer({ min: 0, max: 5 }), short);
const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })), short);
const of = ({ values }: Sequence): readonly number[] => values;

describe('the language', () => {
  it('selects backwards only, and counts what is selected', () => {
    const x = l.tokens([4, 7, 4]);
    const selector = l.select(x, x, equals);
    expect(selector).toEqual([
      [true, false, false],
      [false, true, false],
      [true, false, true],
    ]);
    expect(l.width(selector)).toEqual({ kind: 'index', values: [1, 1, 2] });
  });

  it('aggregates by mean, least and most, as plain loops do', () => {
    fc.assert(
      fc.property(pairs, fc.integer({ min: -9, max: 9 }), (list, otherwise) => {
        const [keys, values] = [list.map(([key]) => key), list.map(([, value]) => value)];
        const chosen = (i: number): number[] => values.slice(0, i + 1).filter((_, j) => keys[j]! > keys[i]!);
        const by = (reduction: 'mean' | 'min' | 'max') =>
          of(l.kqv(l.tokens(keys), l.tokens(keys), l.tokens(values), above, { reduction, otherwise }));
        const want = (reduce: (chosen: number[]) => number): number[] =>
          keys.map((_, i) => (chosen(i).length === 0 ? otherwise : reduce(chosen(i))));
        expect(by('min')).toEqual(want((all) => Math.min(...all)));
        expect(by('max')).toEqual(want((all) => Math.max(...all)));
        expect(by('mean')).toEqual(want((all) => Math.floor(all.reduce((a, b) => a + b) / all.length)));
      }),
    );
  });

  it('library functions are what plain JavaScript says', () => {
    fc.assert(
      fc.property(
        texts,
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 0, max: 4 }),
        (text, token, places) => {
          const x = l.tokens(text);
          const each = <Value>(of: (i: number, before: readonly number[]) => Value): Value[] =>
            text.map((_, i) => of(i, text.slice(0, i + 1)));
          expect(of(shift(l, x, places, -3))).toEqual(text.map((_, i) => text[i - places] ?? -3));
          expect(of(hasSeen(l, x, token))).toEqual(each((_, before) => Number(before.includes(token))));
          expect(of(first(l, x, l.full(x, token)))).toEqual(each((_, before) => before.indexOf(token)));
          expect(of(countTrue(l, x))).toEqual(each((_, before) => before.filter(Boolean).length));
          expect(of(nextAbove(l, x, x, 9))).toEqual(
            each((i, before) => Math.min(9, ...before.filter((other) => other > text[i]!))),
          );
          expect(of(nextBelow(l, x, x, -9))).toEqual(
            each((i, before) => Math.max(-9, ...before.filter((other) => other < text[i]!))),
          );
          expect(
            of(
              where(
                l,
                l.tokMap(x, (value) => value === token),
                l.full(x, 7),
                x,
              ),
            ),
          ).toEqual(text.map((value) => (value === token ? 7 : value)));
          expect(of(at(l, x, l.full(x, 0).values.length > 0 ? l.indices(x) : x))).toEqual(text);
          expect(of(induct(l, x, x, 1, x, -5))).toEqual(
            each((i, before) => before[before.indexOf(text[i]!) + 1] ?? -5),
          );
          const times = (before: readonly number[], i: number): number =>
            before.slice(0, i + 1).filter((other) => other === before[i]).length;
          expect(of(mode(l, x, l.full(x, 1)))).toEqual(
            each((_, before) => {
              const most = Math.max(...before.map((_, i) => times(before, i)));
              return before.findLast((_, i) => times(before, i) === most);
            }),
          );
        },
      ),
    );
  });

  it.each([
    [
      'a function of an index',
      () => l.tokMap(countTrue(l, l.tokens([1, 1])), (count) => count % 2),
      'tokMap: must read tokens, got an index; RASP-L only compares indices (compare, select) and moves them (move)',
    ],
    [
      'arithmetic on two indices',
      () => l.seqMap(l.indices(l.tokens([1])), l.indices(l.tokens([1])), (a, b) => a - b),
      'seqMap: must read tokens, got an index',
    ],
    [
      'a long jump',
      () => l.move(l.indices(l.tokens([1])), 9),
      'must move an index by at most 8 places, got index and 9',
    ],
    [
      'moving a token',
      () => l.move(l.tokens([1]), 1),
      'must move an index by at most 8 places, got token and 1',
    ],
    [
      'a sum that grows',
      () => l.tokMap(l.tokens([100]), (token) => token + 28),
      'a token must be a whole number from -128 to 127, place 0 has 128',
    ],
    ['a fraction', () => l.tokens([0, 0.5]), 'place 1 has 0.5'],
    [
      'a token beside an index',
      () => l.select(l.tokens([1]), l.indices(l.tokens([1])), equals),
      'select: must compare values of one kind, got token and index',
    ],
    [
      'two lengths',
      () => l.compare(l.tokens([1]), l.tokens([1, 2]), equals),
      'must have one length, got 1 and 2',
    ],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(message);
  });

  it('a program that does not end is cut', () => {
    expect(complete((language, text) => language.full(text, 1), [START, MARK], { most: 3 })).toEqual([
      1, 1, 1,
    ]);
  });
});

describe.each(tasks)('$name', (task) => {
  const alphabet = task.alphabet(24);
  const lengths = fc.integer({ min: 1, max: 24 });
  const seeds = fc.nat(1e6);

  it('its program gives the answer of every text, at any length', () => {
    fc.assert(
      fc.property(lengths, seeds, (n, seed) => {
        const { prompt, answer } = task.example(randomOf(seed), n, alphabet);
        expect(prompt[0]).toBe(START);
        expect(prompt.at(-1)).toBe(MARK);
        expect(answer.at(-1)).toBe(END);
        expect(solve(task, prompt)).toEqual(answer);
      }),
      { numRuns: 60 },
    );
  });

  it(task.short ? 'its program keeps to RASP-L' : 'its program breaks a rule of RASP-L', () => {
    const { prompt, answer } = task.example(randomOf(3), 5, alphabet);
    if (task.short) expect(complete(task.program, prompt)).toEqual(answer);
    else {
      expect(() => complete(task.program, prompt)).toThrow('RASP-L only compares indices');
      expect(complete(task.program, prompt, { language: looseRasp })).toEqual(answer);
    }
  });
});
