import {
  choice,
  type Expression,
  empty,
  literal,
  oneOf,
  optional,
  repeat,
  sequence,
  set,
} from './expression.ts';
import { textOf } from './json-text.ts';
import type { RuleBook } from './rule-book.ts';
import { expressionAutomaton, intersectAutomata, type TextAutomaton } from './text-automaton.ts';
import { digitSequences } from './utf8.ts';

/** The numbers from `min` to `max`, finite or infinite; all of them or only the whole ones. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
}

/** Digits before the point of plain whole or bounded numbers: those of 128 bits have 39, JSON.stringify writes 21. */
const mostDigits = 40;
/** The largest power of ten that a number can hold. */
const mostPower = 308;

const digit = (from = 0, to = 9): Expression => set([0x30 + from, 0x30 + to]);
const digits = (min: number, max = Infinity): Expression => repeat(digit(), min, max);
const minus = literal('-');
const plus = optional(literal('+'));
const zeros = repeat(literal('0'), 0);
const power = set([0x45, 0x45], [0x65, 0x65]);
const fraction = optional(sequence(literal('.'), digits(1)));
const noFraction = optional(sequence(literal('.'), repeat(literal('0'), 1)));
const wholePart = (most: number): Expression => choice(literal('0'), sequence(digit(1), digits(0, most - 1)));
/** One digit other than 0, a fraction, a power: the form that JSON.stringify gives very large and small numbers. */
const scientific = (min: number, max: number): Expression =>
  sequence(digit(1), fraction, power, exponents(min, max));

/** 0 with a power, which changes nothing. */
const zeroWithPower = sequence(
  literal('0'),
  noFraction,
  power,
  optional(set([0x2b, 0x2b], [0x2d, 0x2d])),
  digits(1),
);

/** Is there a number in the range? */
export function hasNumbers({ min, max, whole }: NumberRange): boolean {
  return whole ? Math.ceil(min) <= Math.floor(max) : min <= max;
}

/**
 * The JSON texts of the numbers of a range: plain ones, of at most 40 digits before the point, and scientific
 * ones; of all numbers without a bound those of 308 digits, too, and with a power after several. Whole numbers may
 * end in `.0`, and have a power of at least as many places as there are digits after the point.
 *
 * Bounds are compared as decimals. A text at or beyond the shortest decimal of a number is read as a number at or
 * beyond it, so what is let through is in the range however many digits it has.
 */
export function jsonNumber(book: RuleBook, range: NumberRange): Expression {
  const { min, max, whole } = range;
  return book.rule(`number ${min} ${max} ${whole}`, () => {
    if (min === -Infinity && max === Infinity && !whole) return anyNumber();
    const options: Expression[] = [];
    const add = (sign: Expression, name: string, low: number, high: number) => {
      if (!hasNumbers({ min: low, max: high, whole })) return;
      const automaton = magnitudes(low, high, whole);
      options.push(sequence(sign, textOf(book, `${name} ${low} ${high} ${whole}`, automaton)));
    };
    if (min <= 0) add(minus, 'negative', Math.max(0, -max), -min);
    if (max >= 0) add(empty, 'positive', Math.max(0, min), max);
    return oneOf(options);
  });
}

/** Those that need no bound are the same for every schema. */
const shared = new Map<string, TextAutomaton>();

function once(name: string, make: () => TextAutomaton): TextAutomaton {
  const known = shared.get(name);
  if (known) return known;
  const made = make();
  shared.set(name, made);
  return made;
}

/** The texts of the numbers from `low`, at least 0, to `high`; there must be one. */
function magnitudes(low: number, high: number, whole: boolean): TextAutomaton {
  if (low === 0 && high === Infinity && whole)
    return once('whole', () => intersectAutomata([ofFinite(), ofWholeForms()])!);
  return intersectAutomata([
    high === Infinity ? ofFinite() : expressionAutomaton(atMost(high)),
    ...(low > 0 ? [expressionAutomaton(atLeast(low))] : []),
    ...(whole ? [ofWholeForms()] : []),
  ])!;
}

const ofFinite = () => once('finite', () => expressionAutomaton(finite()));
const ofWholeForms = () => once('whole forms', () => expressionAutomaton(wholeForms()));

/** The next double above: the least that `exclusiveMinimum` allows. */
export function nextAbove(value: number): number {
  if (value === 0) return Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? 1n : -1n));
  return view.getFloat64(0);
}

/** Every text whose number is finite, but for some of a power after more than 200 digits. */
function anyNumber(): Expression {
  return sequence(
    optional(minus),
    choice(
      finite(),
      sequence(wholePart(mostPower), fraction),
      sequence(wholePart(mostPower), fraction, power, minus, digits(1)),
      sequence(wholePart(200), fraction, power, plus, zeros, digits(1, 2)),
      sequence(literal('0'), fraction, power, exponents(0, mostPower)),
    ),
  );
}

/** Plain and scientific texts whose number is finite. */
function finite(): Expression {
  const { mantissa } = decimal(Number.MAX_VALUE);
  return choice(
    zeroWithPower,
    sequence(wholePart(mostDigits), fraction),
    scientific(-Infinity, mostPower - 1),
    sequence(mantissaAtMost(mantissa), power, exponents(mostPower, mostPower)),
  );
}

/** Texts that stand for whole numbers: no fraction but zeros, or a power that outweighs the fraction. */
function wholeForms(): Expression {
  const withPower = Array.from({ length: 22 }, (_, places) =>
    sequence(
      digit(1),
      places === 0 ? empty : sequence(literal('.'), digits(places, places)),
      power,
      exponents(places, mostPower),
    ),
  );
  return oneOf([zeroWithPower, sequence(wholePart(mostDigits), noFraction), ...withPower]);
}

/** A number of at least 0 as decimals: 12.5 is whole 12, fraction 5, mantissa 1.25, exponent 1. */
interface Decimal {
  readonly whole: string;
  readonly fraction: string;
  readonly mantissa: readonly [first: string, rest: string];
  readonly exponent: number;
}

function decimal(value: number): Decimal {
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const [first, rest = ''] = mantissa.split('.') as [string, string?];
  const all = first + rest;
  const point = Number(exponent) + 1; // digits before the point
  return {
    whole: point <= 0 ? '0' : all.slice(0, point).padEnd(point, '0'),
    fraction: point <= 0 ? '0'.repeat(-point) + all : all.slice(point),
    mantissa: [first, rest],
    exponent: point - 1,
  };
}

function atMost(value: number): Expression {
  const { whole, fraction: after, mantissa, exponent } = decimal(value);
  const options: Expression[] = [zeroWithPower];
  if (whole.length <= mostDigits) options.push(compareWhole(whole, -1, fractionAtMost(after)));
  if (whole.length > 1) options.push(sequence(wholePart(Math.min(mostDigits, whole.length - 1)), fraction));
  if (value > 0) {
    options.push(
      scientific(-Infinity, exponent - 1),
      sequence(mantissaAtMost(mantissa), power, exponents(exponent, exponent)),
    );
  }
  return oneOf(options);
}

function atLeast(value: number): Expression {
  const { whole, fraction: after, mantissa, exponent } = decimal(value);
  const options = [sequence(mantissaAtLeast(mantissa), power, exponents(exponent, exponent))];
  if (whole.length <= mostDigits) options.push(compareWhole(whole, 1, fractionAtLeast(after)));
  if (whole.length < mostDigits)
    options.push(sequence(digit(1), digits(whole.length, mostDigits - 1), fraction));
  if (exponent < mostPower) options.push(scientific(exponent + 1, mostPower));
  return oneOf(options);
}

/**
 * Whole parts of as many digits as `whole`: those before it (`side` −1) or after it (1), with any fraction, and
 * itself with `tail`. A first digit 0 stands alone.
 */
function compareWhole(whole: string, side: -1 | 1, tail: Expression): Expression {
  let same = tail;
  let free = fraction; // any digits in the places that are left
  for (let i = whole.length - 1; i >= 0; i--) {
    const own = Number(whole[i]);
    const least = i === 0 && whole.length > 1 ? 1 : 0;
    const [from, to] = side < 0 ? [least, own - 1] : [own + 1, 9];
    const equal = sequence(literal(whole[i]!), same);
    same = from <= to ? choice(sequence(digit(from, to), free), equal) : equal;
    free = sequence(digit(), free);
  }
  return same;
}

/** What may follow the whole part where a fraction of at most this is right. */
function fractionAtMost(after: string): Expression {
  let tail = zeros;
  let step: Expression = repeat(literal('0'), 1);
  for (const char of [...after].reverse()) {
    const own = Number(char);
    const equal = sequence(literal(char), tail);
    step = own > 0 ? choice(sequence(digit(0, own - 1), digits(0)), equal) : equal;
    tail = optional(step);
  }
  return optional(sequence(literal('.'), step));
}

/** What may follow the whole part where a fraction of at least this is right. */
function fractionAtLeast(after: string): Expression {
  if (after === '') return fraction;
  let tail = digits(0);
  for (const char of [...after].reverse()) {
    const own = Number(char);
    const equal = sequence(literal(char), tail);
    tail = own < 9 ? choice(sequence(digit(own + 1), digits(0)), equal) : equal;
  }
  return sequence(literal('.'), tail);
}

function mantissaAtMost([first, rest]: Decimal['mantissa']): Expression {
  const equal = sequence(literal(first), fractionAtMost(rest));
  return first > '1' ? choice(sequence(digit(1, Number(first) - 1), fraction), equal) : equal;
}

function mantissaAtLeast([first, rest]: Decimal['mantissa']): Expression {
  const equal = sequence(literal(first), fractionAtLeast(rest));
  return first < '9' ? choice(sequence(digit(Number(first) + 1), fraction), equal) : equal;
}

/** Exponents from `min` to `max`, with a sign or without, with leading zeros or without. */
function exponents(min: number, max: number): Expression {
  const options: Expression[] = [];
  if (max >= 0) options.push(sequence(plus, zeros, wholeNumbers(Math.max(0, min), max)));
  if (min <= 0) options.push(sequence(minus, zeros, wholeNumbers(Math.max(0, -max), -min)));
  return oneOf(options);
}

/** Whole numbers from `min` to `max` without leading zeros. */
function wholeNumbers(min: number, max: number): Expression {
  const length = String(min).length;
  if (max === Infinity) {
    return choice(wholeNumbers(min, 10 ** length - 1), sequence(digit(1), digits(length)));
  }
  const options: Expression[] = [];
  for (let count = length; count <= String(max).length; count++) {
    const from = String(Math.max(min, count === 1 ? 0 : 10 ** (count - 1)));
    const to = String(Math.min(max, 10 ** count - 1));
    for (const places of digitSequences([...from].map(Number), [...to].map(Number), [0, 9]))
      options.push(sequence(...places.map(([a, b]) => digit(a, b))));
  }
  return oneOf(options);
}
