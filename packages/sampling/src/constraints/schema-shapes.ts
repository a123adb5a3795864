import { SamplingError } from '../errors.ts';
import type { Expression } from './expression.ts';
import { formatExpression } from './formats.ts';
import { pruneExpression } from './grammar-checks.ts';
import { hasNumbers, type NumberRange, nextAbove } from './json-number.ts';
import { regexExpression } from './regex.ts';
import { below, refuse } from './schema-document.ts';
import type { Facts } from './schema-facts.ts';
import {
  expressionAutomaton,
  expressionSize,
  intersectAutomata,
  lengthAutomaton,
  mostTextStates,
  type TextAutomaton,
  TooLarge,
  takesText,
  wordsAutomaton,
} from './text-automaton.ts';

/** The strings that fit a list of facts, in the form that is simplest to write down. */
export type StringShape =
  | { readonly form: 'length'; readonly min: number; readonly max: number }
  | { readonly form: 'words'; readonly words: readonly string[] }
  | { readonly form: 'expression'; readonly expression: Expression }
  | { readonly form: 'automaton'; readonly automaton: TextAutomaton };

/** Steps of an expression that is written down as it is; a larger one becomes an automaton first. */
const mostExpression = 500;

/** The numbers that fit all the facts; none if their bounds exclude each other. */
export function numberRanges(facts: readonly Facts[], values: readonly unknown[] | undefined): NumberRange[] {
  let min = -Infinity;
  let max = Infinity;
  for (const { number } of facts) {
    min = Math.max(min, number.min, number.above === -Infinity ? -Infinity : nextAbove(number.above));
    max = Math.min(max, number.max, number.under === Infinity ? Infinity : -nextAbove(-number.under));
  }
  if (min === Infinity || max === -Infinity) return [];
  const whole = facts.some((own) => own.whole);
  const range = {
    min: min <= -Number.MAX_VALUE ? -Infinity : min,
    max: max >= Number.MAX_VALUE ? Infinity : max,
    whole,
  };
  if (!values) return hasNumbers(range) ? [range] : [];
  return values
    .filter((value) => typeof value === 'number')
    .filter((value) => min <= value && value <= max && (!whole || Number.isInteger(value)))
    .map((value) => ({ min: value, max: value, whole: false }));
}

/** A format has the same strings in every schema. */
const shapesOfFormats = new Map<string, StringShape>();

/** Finds the strings that fit lists of facts; lists that say the same share one shape. */
export class StringShapes {
  readonly #known = new Map<string, StringShape>();

  /** @throws {SamplingError} if a pattern or format has no automaton, or several together a too large one. */
  of(facts: readonly Facts[], values: readonly unknown[] | undefined): StringShape | undefined {
    const min = Math.max(...facts.map(({ string }) => string.min), 0);
    const max = Math.min(...facts.map(({ string }) => string.max));
    const patterns = distinct(facts, 'pattern');
    const formats = distinct(facts, 'format');
    if (values) {
      const words = values.filter((value): value is string => typeof value === 'string');
      return this.#words(words, min, max, this.#expressions(patterns, formats));
    }
    const key = JSON.stringify([
      min,
      max === Infinity ? null : max,
      [...patterns.keys()],
      [...formats.keys()],
    ]);
    const known = this.#known.get(key) ?? shapesOfFormats.get(key);
    if (known) return known;
    const shape = this.#make(min, max, patterns, formats);
    if (shape)
      (patterns.size === 0 && formats.size === 1 && min === 0 && max === Infinity
        ? shapesOfFormats
        : this.#known
      ).set(key, shape);
    return shape;
  }

  #make(
    min: number,
    max: number,
    patterns: ReadonlyMap<string, string>,
    formats: ReadonlyMap<string, string>,
  ): StringShape | undefined {
    const found = this.#expressions(patterns, formats);
    if (min > max || found.some(({ expression }) => expression === undefined)) return undefined;
    if (found.length === 0) return { form: 'length', min, max };
    const bounded = min > 0 || max < Infinity;
    const [first] = found;
    if (found.length === 1 && !bounded && expressionSize(first!.expression!) <= mostExpression)
      return { form: 'expression', expression: first!.expression! };
    return withinSize(found, bounded, () => {
      const automata = found.map(({ expression }) => expressionAutomaton(expression!));
      if (bounded) automata.push(lengthAutomaton(min, max));
      const automaton = intersectAutomata(automata);
      return automaton && { form: 'automaton', automaton };
    });
  }

  #words(
    words: readonly string[],
    min: number,
    max: number,
    found: readonly Named[],
  ): StringShape | undefined {
    const fitting = withinSize(found, false, () => {
      const automata = found.map(({ expression }) => expression && expressionAutomaton(expression));
      return words.filter((word) => {
        const length = [...word].length;
        return (
          min <= length && length <= max && automata.every((one) => one !== undefined && takesText(one, word))
        );
      });
    });
    return fitting.length > 0 ? { form: 'words', words: fitting } : undefined;
  }

  #expressions(patterns: ReadonlyMap<string, string>, formats: ReadonlyMap<string, string>): Named[] {
    return [
      ...[...patterns].map(([pattern, path]) => patternExpression(pattern, path)),
      ...[...formats].map(([format, path]) => ({
        keyword: 'format',
        path,
        expression: pruneExpression(formatExpression(format)),
      })),
    ];
  }
}

interface Named {
  readonly keyword: string;
  readonly path: string;
  /** Undefined where nothing matches. */
  readonly expression: Expression | undefined;
}

/** The texts a pattern matches somewhere. @throws {SamplingError} with its place if it cannot be read. */
export function patternExpression(pattern: string, path: string, keyword = 'pattern'): Named {
  try {
    const { anywhere } = regexExpression('json-schema', pattern);
    return { keyword, path, expression: pruneExpression(anywhere) };
  } catch (error) {
    if (!SamplingError.isInstance(error)) throw error;
    return refuse(keyword, path, error.message.replace('json-schema: ', ''));
  }
}

/** Runs what may be too large, and says then which keywords made it so. */
export function withinSize<T>(
  found: readonly Omit<Named, 'expression'>[],
  bounded: boolean,
  run: () => T,
): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    const names = [...new Set(found.map(({ keyword }) => keyword)), ...(bounded ? ['length'] : [])];
    return refuse(
      `${names.join(' and ')} together`,
      found[0]?.path ?? '#',
      `the automaton has more than ${mostTextStates} states; use shorter repetitions or smaller bounds`,
    );
  }
}

/** A shape as an automaton, to be combined with others. @throws {TooLarge} */
export function stringAutomaton(shape: StringShape): TextAutomaton {
  switch (shape.form) {
    case 'length':
      return lengthAutomaton(shape.min, shape.max);
    case 'words':
      return wordsAutomaton(shape.words);
    case 'expression':
      return expressionAutomaton(shape.expression);
    case 'automaton':
      return shape.automaton;
  }
}

/** The texts of a keyword that facts state, each once, with the place of the first. */
function distinct(facts: readonly Facts[], keyword: 'pattern' | 'format'): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { string, path } of facts) {
    const text = string[keyword];
    if (typeof text === 'string' && !found.has(text)) found.set(text, below(path, keyword));
  }
  return found;
}
