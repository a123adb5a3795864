import { SamplingError, show } from '../errors.ts';
import { createMatcher, type Matcher } from './automaton.ts';
import { complement, type Expression, empty, oneOf, repeat, sequence, set } from './expression.ts';
import { parseRegex } from './regex-parser.ts';

/**
 * A regular expression as a constraint: the whole text must match.
 *
 * Literals, `.`, classes, `\d \w \s` and their opposites, groups, `|`, `* + ?`, `{m,n}`, `^` and `$` at the ends of
 * an alternative, escapes, and the flags `i`, `s`, `u`. Characters are code points, as with the flag `u`. What looks
 * at text without reading it (look-around, back-references, `\b`) has no automaton and is refused by name.
 *
 * @example
 * regexMatcher('(yes|no), [0-9]{1,3}%');
 *
 * @throws {SamplingError} if the pattern is none, cannot be read or matches nothing (with the place), or needs an
 * automaton of more than 200 000 nodes or 20 000 places at once. `next` throws it too where a text leads there.
 */
export function regexMatcher(pattern: string | RegExp): Matcher {
  const { whole } = regexExpression('regex', pattern);
  return createMatcher('regex', { root: 'root', rules: new Map([['root', whole]]) });
}

/** What a pattern matches as a whole text, and the texts in which it matches somewhere. */
export interface RegexExpression {
  readonly whole: Expression;
  readonly anywhere: Expression;
}

/** @throws {SamplingError} if the pattern is none, or cannot be read (with the place). */
export function regexExpression(op: string, pattern: string | RegExp): RegexExpression {
  const isRegExp = Object.prototype.toString.call(pattern) === '[object RegExp]';
  if (!isRegExp && typeof pattern !== 'string') {
    throw new SamplingError(op, `needs a pattern as a string or RegExp, got ${show(pattern)}`);
  }
  const { source, flags } = isRegExp ? (pattern as RegExp) : { source: pattern as string, flags: 'u' };
  const refused = [...flags].filter((flag) => !'isudg'.includes(flag));
  if (refused.length > 0) {
    throw new SamplingError(op, `the flag ${refused.join(', ')} is not supported; i, s and u are`, { flags });
  }
  const alternatives = parseRegex(op, source, {
    ignoreCase: flags.includes('i'),
    dotAll: flags.includes('s'),
    unicode: flags.includes('u'),
  });
  const anything = repeat(set(...complement([])), 0);
  return {
    whole: oneOf(alternatives.map(({ body }) => body)),
    anywhere: oneOf(
      alternatives.map(({ body, atStart, atEnd }) =>
        sequence(atStart ? empty : anything, body, atEnd ? empty : anything),
      ),
    ),
  };
}
