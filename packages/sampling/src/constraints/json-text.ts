import {
  choice,
  complement,
  type Expression,
  intersect,
  literal,
  normalize,
  optional,
  type Range,
  repeat,
  rule,
  sequence,
  set,
} from './expression.ts';
import { digit, integerRange, magnitudes } from './integer-range.ts';

/** Characters that stand in a JSON string only as an escape. */
const escaped: readonly Range[] = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
];

/** Turns an expression over the characters of a string into one over its JSON form, quotes included. */
export function jsonString(rules: Map<string, Expression>, content: Expression): Expression {
  return sequence(literal('"'), escapeSets(rules, content), literal('"'));
}

/** Any character, as JSON writes it. */
export function jsonCharacter(rules: Map<string, Expression>): Expression {
  return escapeSets(rules, set(...complement([])));
}

/** Any string but these words. */
export function otherThan(words: readonly string[]): Expression {
  const anything = repeat(set(...complement([])), 0);
  const build = (rest: readonly string[]): Expression => {
    const next = new Map<string, string[]>();
    for (const word of rest) {
      const [char] = word;
      if (char !== undefined) next.set(char, [...(next.get(char) ?? []), word.slice(char.length)]);
    }
    const known = [...next.keys()].map((char): Range => [char.codePointAt(0)!, char.codePointAt(0)!]);
    const longer = [...next].map(([char, tails]) => sequence(literal(char), build(tails)));
    const options = [...longer, sequence(set(...complement(known)), anything)];
    return rest.includes('') ? choice(...options) : optional(choice(...options));
  };
  return words.length === 0 ? anything : build(words);
}

/** Decimal numbers from `min` to `max`, both whole or infinite: `12`, `-0.5`, and without bounds `1e-7`. */
export function jsonNumber(min: number, max: number): Expression {
  const digits = repeat(digit('0', '9'), 1, 15);
  const fraction = optional(sequence(literal('.'), digits));
  if (min === -Infinity && max === Infinity) {
    const power = sequence(set([0x45, 0x45], [0x65, 0x65]), optional(set([0x2b, 0x2b], [0x2d, 0x2d])));
    const exponent = optional(sequence(power, repeat(digit('0', '9'), 1, 2)));
    return sequence(optional(literal('-')), magnitudes(0, Infinity), fraction, exponent);
  }
  const between = (low: number, high: number): Expression => {
    const edge = sequence(
      literal(String(high)),
      optional(sequence(literal('.'), repeat(literal('0'), 1, 15))),
    );
    if (high === Infinity) return sequence(magnitudes(low, high), fraction);
    return low === high ? edge : choice(sequence(magnitudes(low, high - 1), fraction), edge);
  };
  const parts: Expression[] = [];
  if (min < 0) parts.push(sequence(literal('-'), between(Math.max(0, -max), -min)));
  if (max >= 0) parts.push(between(Math.max(0, min), max));
  return choice(...parts);
}

export const jsonInteger = integerRange;

/** Sets become rules, so that a long string of them stays a short grammar. */
function escapeSets(rules: Map<string, Expression>, expression: Expression): Expression {
  switch (expression.kind) {
    case 'set': {
      const ranges = normalize(expression.ranges);
      const name = `char ${ranges.map(([a, b]) => `${a.toString(16)}-${b.toString(16)}`).join(' ')}`;
      if (!rules.has(name)) rules.set(name, escapeSet(ranges));
      return rule(name);
    }
    case 'sequence':
      return sequence(...expression.items.map((item) => escapeSets(rules, item)));
    case 'choice':
      return choice(...expression.options.map((option) => escapeSets(rules, option)));
    case 'repeat':
      return repeat(escapeSets(rules, expression.item), expression.min, expression.max);
    case 'rule':
      return expression;
  }
}

function escapeSet(ranges: readonly Range[]): Expression {
  const options: Expression[] = [set(...intersect(ranges, complement(escaped)))];
  for (const [first, last] of intersect(ranges, escaped)) {
    for (let point = first; point <= last; point++) {
      options.push(literal(JSON.stringify(String.fromCodePoint(point)).slice(1, -1)));
    }
  }
  return choice(...options);
}
