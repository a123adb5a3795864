import { SamplingError, show } from '../errors.ts';
import { createMatcher, type Matcher } from './automaton.ts';
import type { Expression } from './expression.ts';
import { parseRegex } from './regex-parser.ts';

/**
 * A regular expression as a constraint: the whole text must match.
 *
 * Literals, `.`, classes, `\d \w \s` and their opposites, groups, `|`, `* + ?`, `{m,n}`, `^` and `$` at the ends,
 * escapes, and the flags `i`, `s`, `u`. What looks at text without reading it (look-around, back-references, `\b`)
 * has no automaton and is refused by name.
 *
 * @example
 * regexMatcher('(yes|no), [0-9]{1,3}%');
 */
export function regexMatcher(pattern: string | RegExp): Matcher {
  const { root } = regexExpression('regex', pattern);
  return createMatcher('regex', { root: 'root', rules: new Map([['root', root]]) });
}

/** The expression behind a pattern, and whether it was tied to the ends with `^` and `$`. */
export function regexExpression(
  op: string,
  pattern: string | RegExp,
): { readonly root: Expression; readonly atStart: boolean; readonly atEnd: boolean } {
  const isRegExp = Object.prototype.toString.call(pattern) === '[object RegExp]';
  if (!isRegExp && typeof pattern !== 'string') {
    throw new SamplingError(op, `needs a pattern as a string or RegExp, got ${show(pattern)}`);
  }
  const { source, flags } = isRegExp ? (pattern as RegExp) : { source: pattern as string, flags: '' };
  const refused = [...flags].filter((flag) => !'isudg'.includes(flag));
  if (refused.length > 0) {
    throw new SamplingError(op, `the flag ${refused.join(', ')} is not supported; i, s and u are`, { flags });
  }
  return parseRegex(op, source, { ignoreCase: flags.includes('i'), dotAll: flags.includes('s') });
}
