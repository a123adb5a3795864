import { choice, type Expression, literal, repeat, sequence, set } from './expression.ts';

/** Digits of a number without a bound: what a double holds exactly. */
const mostDigits = 15;

/** Decimal texts of the whole numbers from `min` to `max`; infinite ends stop at 15 digits. */
export function integerRange(min: number, max: number): Expression {
  const parts: Expression[] = [];
  if (min < 0) parts.push(sequence(literal('-'), magnitudes(Math.max(1, -max), -min)));
  if (max >= 0) parts.push(magnitudes(Math.max(0, min), max));
  return choice(...parts);
}

/** Whole numbers from `low` to `high`, both at least 0, without leading zeros. */
export function magnitudes(low: number, high: number): Expression {
  const most = 10 ** mostDigits - 1;
  const top = Math.min(high, most);
  const parts: Expression[] = [];
  for (let digits = String(low).length; digits <= String(top).length; digits++) {
    const from = Math.max(low, digits === 1 ? 0 : 10 ** (digits - 1));
    const to = Math.min(top, 10 ** digits - 1);
    parts.push(...sameLength(String(from), String(to)));
  }
  return choice(...parts);
}

/** Numbers between two texts of equally many digits: a shared beginning, then free digits where both ends allow. */
function sameLength(from: string, to: string): Expression[] {
  if (from === to) return [literal(from)];
  if (from.length === 1) return [digit(from, to)];
  const rest = from.length - 1;
  const [first, last] = [from[0]!, to[0]!];
  if (first === last) {
    return sameLength(from.slice(1), to.slice(1)).map((tail) => sequence(literal(first), tail));
  }
  const parts: Expression[] = [];
  const lowIsFree = /^0*$/.test(from.slice(1));
  const highIsFree = /^9*$/.test(to.slice(1));
  if (!lowIsFree) {
    parts.push(...sameLength(from.slice(1), '9'.repeat(rest)).map((tail) => sequence(literal(first), tail)));
  }
  const low = Number(first) + (lowIsFree ? 0 : 1);
  const high = Number(last) - (highIsFree ? 0 : 1);
  if (low <= high)
    parts.push(sequence(digit(String(low), String(high)), repeat(digit('0', '9'), rest, rest)));
  if (!highIsFree) {
    parts.push(...sameLength('0'.repeat(rest), to.slice(1)).map((tail) => sequence(literal(last), tail)));
  }
  return parts;
}

export function digit(from: string, to: string): Expression {
  return set([from.codePointAt(0)!, to.codePointAt(0)!]);
}
