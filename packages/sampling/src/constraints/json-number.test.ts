import fc from 'fast-check';
import { expect, it } from 'vitest';
import { match } from '../testing/match.ts';
import { createMatcher } from './automaton.ts';
import { hasNumbers, jsonNumber, type NumberRange, nextAbove } from './json-number.ts';
import { RuleBook } from './rule-book.ts';

const long = process.env.HEADWISE_LONG === '1';

const matcherOf = (range: NumberRange) => {
  const book = new RuleBook('root');
  const root = jsonNumber(book, range);
  book.rule('root', () => root);
  return createMatcher('numbers', book);
};

const special = [0, 1, 3, 9, 10, 99, 100, 0.5, 0.05, 1e-7, 5e-324, 1e20, 1e21, 1.5e25, 1e40, 1e300];
const exact = [2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, 1600000000000000, 0.1 + 0.2, Number.MAX_VALUE];
const magnitude = fc.oneof(
  fc.constantFrom(...special, ...exact),
  fc.double({ noNaN: true, min: 0, noDefaultInfinity: true }),
  fc.nat(),
);
const number = fc.tuple(magnitude, fc.boolean()).map(([value, negative]) => (negative ? -value : value));
const bound = (open: number) => fc.oneof({ weight: 4, arbitrary: number }, fc.constant(open));
const range = fc.record({ min: bound(-Infinity), max: bound(Infinity), whole: fc.boolean() });

/** Ways to write a number; all but the first are JSON's, not JSON.stringify's. */
function* spellings(value: number): Generator<string> {
  const text = JSON.stringify(value);
  yield text;
  if (/^-?\d+$/.test(text)) yield `${text}.0`;
  if (/^-?\d+$/.test(text)) yield `${text}.000`;
  if (/^-?\d+\.\d+$/.test(text)) yield `${text}00`;
  yield value.toExponential();
  yield value.toExponential().replace('e+', 'E0');
  if (Math.abs(value) < 1e39) yield BigInt(Math.trunc(value)).toString();
}

it('lets through exactly the numbers of a range, however they are written', () => {
  fc.assert(
    fc.property(range, fc.array(number, { minLength: 10, maxLength: 10 }), (given, values) => {
      if (!hasNumbers(given)) return;
      const matcher = matcherOf(given);
      const { min, max, whole } = given;
      const near = [min, max].filter(Number.isFinite).flatMap((v) => [v, nextAbove(v), -nextAbove(-v)]);
      for (const value of [...values, ...near].filter(Number.isFinite)) {
        for (const text of spellings(value)) {
          const read = JSON.parse(text) as number;
          const inside = min <= read && read <= max && (!whole || Number.isInteger(read));
          // a text between a bound and the middle to its neighbour is read as the bound, and may be refused
          const isRounded = inside && text !== JSON.stringify(read) && (read === min || read === max);
          if (!isRounded || Number.isSafeInteger(read))
            expect(match(matcher, text) === 'full', `${text} in ${JSON.stringify(given)}`).toBe(inside);
        }
      }
    }),
    long ? { numRuns: 5000 } : { numRuns: 80, seed: 16 },
  );
}, 3_600_000);

it('lets through no digits that round to a number outside', () => {
  // 2.9999999999999999 is read as 3
  const below3 = matcherOf({ min: -Infinity, max: -nextAbove(-3), whole: false });
  expect(match(below3, '2.9999999999999996')).toBe('full');
  expect(match(below3, '2.9999999999999999')).not.toBe('full');
  const above = matcherOf({ min: nextAbove(2 ** 53), max: Infinity, whole: true });
  expect(match(above, '9007199254740994')).toBe('full');
  expect(match(above, '9007199254740993')).not.toBe('full'); // read as 2^53
});

it('lets every finite number through, and none that overflows', () => {
  const matcher = matcherOf({ min: -Infinity, max: Infinity, whole: false });
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(match(matcher, JSON.stringify(value))).toBe('full');
    }),
    long ? {} : { seed: 17 },
  );
  for (const text of ['1e308', '1.7976931348623157e308', '123e-4567', '12.5E+03', '-0', '0e99', '10e2'])
    expect(match(matcher, text), text).toBe('full');
  for (const text of ['1e309', '1.8e308', '1e400', '01', '.5', '1.', '+1', '1e', '-', 'NaN'])
    expect(match(matcher, text), text).not.toBe('full');
});

it('finds the next double', () => {
  expect(nextAbove(3)).toBe(3.0000000000000004);
  expect(nextAbove(0)).toBe(5e-324);
  expect(nextAbove(-5e-324)).toBe(-0);
  expect(nextAbove(2 ** 53)).toBe(2 ** 53 + 2);
  expect(nextAbove(-1)).toBe(-0.9999999999999999);
  expect(nextAbove(Number.MAX_VALUE)).toBe(Infinity);
});
