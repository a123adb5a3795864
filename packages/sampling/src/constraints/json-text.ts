import {
  choice,
  complement,
  type Expression,
  empty,
  inOrder,
  intersect,
  literal,
  normalize,
  oneOf,
  type Range,
  repeat,
  sequence,
  set,
} from './expression.ts';
import type { RuleBook } from './rule-book.ts';
import type { TextAutomaton } from './text-automaton.ts';
import { digitSequences } from './utf8.ts';

/** Characters that stand in a JSON string only as an escape. */
const escaped: readonly Range[] = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
];
const shortEscapes: ReadonlyMap<number, string> = new Map([
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x2f, '\\/'],
  [0x5c, '\\\\'],
]);
const anyCharacter: readonly Range[] = complement([]);

/** Turns an expression over the characters of a string into one over its JSON forms, quotes included. */
export function jsonString(book: RuleBook, content: Expression): Expression {
  return sequence(literal('"'), spell(book, content), literal('"'));
}

/** One character, as JSON writes it in a string. */
export function jsonCharacter(book: RuleBook, char: string): Expression {
  const point = char.codePointAt(0)!;
  return character(book, [[point, point]]);
}

/** Strings of `min` to `max` characters. */
export function jsonStringOfLength(book: RuleBook, min: number, max: number): Expression {
  const one = character(book, anyCharacter);
  // a rule for each number of characters that are left, so that a large bound costs nothing before it is reached
  const rest = (least: number, most: number): Expression =>
    least === 0 && most === Infinity
      ? repeat(one, 0)
      : book.rule(`characters ${least} ${most}`, () => {
          if (most === 0) return empty;
          const more = sequence(one, rest(Math.max(0, least - 1), most - 1));
          return least === 0 ? choice(empty, more) : more;
        });
  return sequence(literal('"'), rest(min, max), literal('"'));
}

/** The strings an automaton takes. `name` must be of this automaton alone. */
export function jsonStringOf(book: RuleBook, name: string, automaton: TextAutomaton): Expression {
  return sequence(
    literal('"'),
    walk(book, name, automaton, (ranges) => character(book, ranges)),
    literal('"'),
  );
}

/** The plain texts an automaton takes. `name` must be of this automaton alone. */
export function textOf(book: RuleBook, name: string, automaton: TextAutomaton): Expression {
  return walk(book, name, automaton, (ranges) => ({ kind: 'set', ranges }));
}

function walk(
  book: RuleBook,
  name: string,
  automaton: TextAutomaton,
  char: (ranges: readonly Range[]) => Expression,
): Expression {
  const at = (state: number): Expression =>
    book.rule(`${name} ${state}`, () => {
      const moves = automaton.moves(state).map(([ranges, next]) => sequence(char(ranges), at(next)));
      return oneOf(automaton.accepts(state) ? [empty, ...moves] : moves);
    });
  return at(0);
}

/** Sets become rules, so that a long string of them stays a short grammar. */
function spell(book: RuleBook, expression: Expression): Expression {
  switch (expression.kind) {
    case 'set':
      return character(book, expression.ranges);
    case 'sequence':
      return inOrder(expression.items.map((item) => spell(book, item)));
    case 'choice':
      return oneOf(expression.options.map((option) => spell(book, option)));
    case 'repeat':
      return repeat(spell(book, expression.item), expression.min, expression.max);
    case 'rule':
      return expression;
  }
}

/** One of these characters in every way JSON can write it: itself, a short escape, four or twice four digits. */
function character(book: RuleBook, ranges: readonly Range[]): Expression {
  const points = normalize(ranges);
  const name = `char ${points.map(([a, b]) => `${a.toString(16)}-${b.toString(16)}`).join(' ')}`;
  return book.rule(name, () => {
    const options: Expression[] = [];
    const plain = intersect(points, complement(escaped));
    if (plain.length > 0) options.push(set(...plain));
    for (const [point, text] of shortEscapes) {
      if (points.some(([first, last]) => first <= point && point <= last)) options.push(literal(text));
    }
    for (const range of intersect(points, [[0, 0xffff]])) {
      for (const digits of hexSequences(range)) options.push(sequence(literal('\\u'), ...digits));
    }
    for (const [first, last] of intersect(points, [[0x10000, 0x10ffff]])) {
      for (const [high, low] of digitSequences(halves(first), halves(last), [0, 0x3ff])) {
        for (const before of hexSequences(shift(high!, 0xd800))) {
          for (const after of hexSequences(shift(low!, 0xdc00)))
            options.push(sequence(literal('\\u'), ...before, literal('\\u'), ...after));
        }
      }
    }
    return oneOf(options);
  });
}

/** Four hexadecimal digits, one list a sequence, that together write the numbers of a range. */
function hexSequences([first, last]: Range): Expression[][] {
  const digits = (value: number) => [12, 8, 4, 0].map((bits) => (value >> bits) & 15);
  return digitSequences(digits(first), digits(last), [0, 15]).map((places) => places.map(hexDigit));
}

function hexDigit([from, to]: Range): Expression {
  const shifted = (first: number, last: number, by: number): Range[] =>
    Math.max(from, first) <= Math.min(to, last)
      ? [[Math.max(from, first) + by, Math.min(to, last) + by]]
      : [];
  return set(...shifted(0, 9, 0x30), ...shifted(10, 15, 0x41 - 10), ...shifted(10, 15, 0x61 - 10));
}

/** The ten upper and ten lower bits of a character beyond the basic plane. */
function halves(point: number): readonly number[] {
  return [(point - 0x10000) >> 10, (point - 0x10000) & 0x3ff];
}

function shift([first, last]: Range, by: number): Range {
  return [first + by, last + by];
}
