import type { Expression, Statement } from './dialect.ts';

/** Least and largest value; of a condition 0 and 1. */
export type Interval = readonly [low: number, high: number];

/** Nothing is known, not even that it is a number: what is made of it is not known either. */
const ANY: Interval = [-Infinity, Infinity];
const MAYBE: Interval = [0, 1];

/** What a mask says of all queries and keys in a range. */
export type Sight = 'seen' | 'hidden' | 'unknown';

/**
 * Interval arithmetic: whether a mask is 1, or 0, wherever its parameters and constants lie in these ranges. Sound and not
 * complete: `unknown` may still be either. Rounding keeps the order of numbers, so what holds of the bounds holds between.
 */
export function sightOf(statements: readonly Statement[], names: ReadonlyMap<string, Interval>): Sight {
  const [first] = statements;
  const { value, ends } =
    first?.is === 'return' ? { value: of(first.value, names), ends: true } : run(statements, new Map(names));
  if (!ends || value === undefined) return 'unknown';
  if (value[0] > 0 || value[1] < 0) return 'seen';
  return value[0] === 0 && value[1] === 0 ? 'hidden' : 'unknown';
}

/** What may be returned, and whether something surely is. */
interface Outcome {
  readonly value: Interval | undefined;
  readonly ends: boolean;
}

function run(statements: readonly Statement[], names: Map<string, Interval>): Outcome {
  let value: Interval | undefined;
  for (const statement of statements) {
    if (statement.is === 'set') names.set(statement.name, of(statement.value, names));
    else if (statement.is === 'return') return { value: join(value, of(statement.value, names)), ends: true };
    else if (statement.is === 'for') return { value: ANY, ends: true };
    else {
      const found = branch(statement, names);
      value = join(value, found.value);
      if (found.ends) return { value, ends: true };
    }
  }
  return { value, ends: false };
}

function branch(
  { test, then, otherwise }: Extract<Statement, { is: 'if' }>,
  names: Map<string, Interval>,
): Outcome {
  const [low, high] = of(test, names);
  if (low === 1) return run(then, names);
  if (high === 0) return run(otherwise, names);
  const [left, right] = [new Map(names), new Map(names)];
  const [a, b] = [run(then, left), run(otherwise, right)];
  const kept = [a.ends ? undefined : left, b.ends ? undefined : right];
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const values = kept.flatMap((map) => (map ? [map.get(name) ?? ANY] : []));
    names.set(
      name,
      values.reduce((x, y) => join(x, y)!, values[0] ?? ANY),
    );
  }
  return { value: join(a.value, b.value), ends: a.ends && b.ends };
}

function join(a: Interval | undefined, b: Interval | undefined): Interval | undefined {
  if (!a || !b) return a ?? b;
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

function of(node: Expression, names: ReadonlyMap<string, Interval>): Interval {
  const [low, high] = exact(node, names);
  // kernels compute in f32, where an overflow may become NaN at the next step; beside it, infinity is no number to go on with
  return Math.abs(low) <= LARGEST && Math.abs(high) <= LARGEST ? [low, high] : ANY;
}

/** Of float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

function isAny([low, high]: Interval): boolean {
  return low === -Infinity && high === Infinity;
}

function exact(node: Expression, names: ReadonlyMap<string, Interval>): Interval {
  switch (node.is) {
    case 'literal':
      return [node.value, node.value];
    case 'name':
      return names.get(node.name) ?? ANY;
    case 'unary': {
      const [low, high] = of(node.a, names);
      return node.operator === '!' ? [1 - high, 1 - low] : [-high, -low];
    }
    case 'binary':
      return binary(node.operator, of(node.a, names), of(node.b, names));
    case 'choice': {
      const [low, high] = of(node.test, names);
      if (low === 1) return of(node.a, names);
      return high === 0 ? of(node.b, names) : join(of(node.a, names), of(node.b, names))!;
    }
    case 'call':
      return call(node.name, node.args.map((arg) => of(arg, names)) as [Interval, Interval?]);
  }
}

/** A condition that holds in all cases, in none, or in some. */
function decided(holds: boolean, fails: boolean): Interval {
  return holds ? [1, 1] : fails ? [0, 0] : MAYBE;
}

function binary(operator: string, left: Interval, right: Interval): Interval {
  // NaN compared with anything is false, and with nothing else
  if (isAny(left) || isAny(right)) return CONDITIONS.includes(operator) ? MAYBE : ANY;
  const [[a, A], [b, B]] = [left, right];
  switch (operator) {
    case '+':
      return [a + b, A + B];
    case '-':
      return [a - B, A - b];
    case '*':
      return hull([a * b, a * B, A * b, A * B]);
    case '/':
      return b > 0 || B < 0 ? hull([a / b, a / B, A / b, A / B]) : ANY;
    case '%':
      return remainder([a, A], [b, B]);
    case '<':
      return decided(A < b, a >= B);
    case '<=':
      return decided(A <= b, a > B);
    case '>':
      return decided(a > B, A <= b);
    case '>=':
      return decided(a >= B, A < b);
    case '===':
      return decided(a === A && b === B && a === b, A < b || a > B);
    case '!==':
      return decided(A < b || a > B, a === A && b === B && a === b);
    case '&&':
      return [Math.min(a, b), Math.min(A, B)];
    default:
      return [Math.max(a, b), Math.max(A, B)];
  }
}

const CONDITIONS = ['<', '<=', '>', '>=', '===', '!==', '&&', '||'];

function hull(values: readonly number[]): Interval {
  return [Math.min(...values), Math.max(...values)];
}

function remainder([a, A]: Interval, [b, B]: Interval): Interval {
  if (b !== B || b <= 0 || a < 0) return ANY;
  return Math.floor(a / b) === Math.floor(A / b) ? [a % b, A % b] : [0, b];
}

const RISING = ['ceil', 'exp', 'floor', 'round', 'sign', 'tanh'];

function call(name: string, [first, second]: [Interval, Interval?]): Interval {
  if (isAny(first) || (second && isAny(second))) return ANY;
  const [a, A] = first;
  if (RISING.includes(name)) return hull([a, A].map(Math[name as 'floor']));
  switch (name) {
    case 'abs':
      return a >= 0 ? [a, A] : A <= 0 ? [-A, -a] : [0, Math.max(-a, A)];
    case 'max':
      return [Math.max(a, second![0]), Math.max(A, second![1])];
    case 'min':
      return [Math.min(a, second![0]), Math.min(A, second![1])];
    case 'sqrt':
    case 'log':
      return a > 0 ? [Math[name](a), Math[name](A)] : ANY;
    case 'sin':
    case 'cos':
      return [-1, 1];
    default:
      return ANY;
  }
}
