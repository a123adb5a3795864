import { expect, it } from 'vitest';
import { createRandom } from '../random/xoshiro.ts';
import { match } from '../testing/match.ts';
import { regexMatcher } from './regex.ts';

const patterns = [
  'a',
  'abc|abd|x',
  '(a|b)*abb',
  'a{2,4}b?',
  'a{3}',
  'a{2,}',
  '[a-c]+[^a-c]',
  '\\d{1,3}(\\.\\d{2})?',
  '(a?){3}b',
  '(ab|a)(bc|c)?',
  'x*?y+?',
  '[-a]\\-[\\]b]',
  '\\w+@\\w+\\.(com|org)',
  '(?:a|(?<name>b))c',
  '^ab$',
  '.b.',
  '\\x61\\u0062\\u{63}',
  '()|a',
  '[^\\d\\s]',
  '\\.\\*\\(\\)',
  'é|ü+|😀',
  'a{0}b',
  '\\$',
];

it.each(patterns)('/%s/ matches the texts that the engine’s own does', (pattern) => {
  const matcher = regexMatcher(pattern);
  // with the flag u, \- outside a class is a syntax error
  const own = new RegExp(`^(?:${pattern})$`, pattern.includes('\\-') ? '' : 'u');
  const random = createRandom(pattern.length);
  const all = [...'abcxy@.-] 012com', ...pattern.replace(/[\\^?{}|]/g, ''), 'é', '😀'];
  const likely = [...pattern].filter((char) => /[a-z0-9é-ü😀.[\]-]/u.test(char));
  let matched = 0;
  for (let i = 0; i < 3000; i++) {
    const alphabet = i % 2 === 0 || likely.length === 0 ? all : likely;
    const length = Math.floor(random.next() * 7);
    const chars = Array.from({ length }, () => alphabet[Math.floor(random.next() * alphabet.length)]!);
    const text = chars.join('');
    const full = own.test(text);
    expect(match(matcher, text) === 'full', JSON.stringify(text)).toBe(full);
    if (full) matched++;
    // every beginning of a match is the beginning of a match
    for (let end = 0; full && end < length; end++)
      expect(match(matcher, chars.slice(0, end).join(''))).not.toBe('no');
  }
  const sure = { '\\w+@\\w+\\.(com|org)': 'a@b.com', '\\x61\\u0062\\u{63}': 'abc', '\\.\\*\\(\\)': '.*()' }[
    pattern
  ];
  if (sure) expect(match(matcher, sure)).toBe('full');
  else expect(matched).toBeGreaterThan(0);
});

it('knows where a text can no longer become a match', () => {
  const matcher = regexMatcher('[0-9]{4}-(0[1-9]|1[0-2])');
  expect(match(matcher, '2026-1')).toBe('prefix');
  expect(match(matcher, '2026-13')).toBe('no');
  expect(match(matcher, '2026-12')).toBe('full');
  expect(match(matcher, '2026-120')).toBe('no');
});

it('reads characters that are divided between tokens', () => {
  const [first, second] = new TextEncoder().encode('é');
  expect(match(regexMatcher('é'), Uint8Array.of(first!))).toBe('prefix');
  expect(match(regexMatcher('é'), Uint8Array.of(first!, second!))).toBe('full');
  expect(match(regexMatcher('é'), Uint8Array.of(first!, second! + 1))).toBe('no');
  expect(match(regexMatcher('.'), Uint8Array.of(0xff))).toBe('no');
});

it('takes the flags i and s', () => {
  expect(match(regexMatcher(/a[b-d]Z/i), 'ACz')).toBe('full');
  expect(match(regexMatcher('a.c'), 'a\nc')).toBe('no');
  expect(match(regexMatcher(/a.c/s), 'a\nc')).toBe('full');
});

it('stays fast where backtracking would not', () => {
  expect(match(regexMatcher('(a*)*b'), 'a'.repeat(5000))).toBe('prefix');
  expect(match(regexMatcher('(a|a)*b'), `${'a'.repeat(5000)}b`)).toBe('full');
  expect(match(regexMatcher('(x+x+)+y'), `${'x'.repeat(5000)}y`)).toBe('full');
});

it.each([
  ['(?=a)b', 'look-around is not supported, at place 2 of "(?=a)b"'],
  ['(?<!a)b', 'look-around is not supported'],
  ['(a)\\1', '\\1 (back-reference) is not supported'],
  ['\\bword', '\\b (word boundary) is not supported'],
  ['\\p{L}', '\\p (Unicode property) is not supported; list the ranges in a class'],
  ['(a', 'a group is not closed'],
  ['a)', 'there is no open group to close'],
  ['[a', 'a character class is not closed'],
  ['[z-a]', 'a range in a class has its ends in the wrong order'],
  ['*a', 'there is nothing for * to repeat'],
  ['a**', 'two quantifiers follow each other'],
  ['a{3,1}', '{3,1} has its numbers in the wrong order'],
  ['a^b', '^ is supported only at the ends of the whole pattern'],
  ['^a|b$', '^ and $ would tie only the first and last alternative; put the alternatives into (…)'],
  ['\\q', '\\q is no escape'],
  ['\\x4', '\\x needs hexadecimal digits'],
  ['a\\', 'a backslash stands at the end'],
])('refuses /%s/', (pattern, message) => {
  expect(() => regexMatcher(pattern)).toThrow(`regex: ${message}`);
});

it('refuses flags and values that are none', () => {
  expect(() => regexMatcher(/a/m)).toThrow('regex: the flag m is not supported; i, s and u are');
  expect(() => regexMatcher(3 as unknown as string)).toThrow(
    'regex: needs a pattern as a string or RegExp, got 3',
  );
  expect(() => regexMatcher('[^\\s\\S]')).toThrow('regex: rule "root" matches no finite text');
  expect(() => regexMatcher('(a{1000}){1000}')).toThrow(
    'regex: the grammar is too large: more than 200000 nodes; use smaller repetitions',
  );
});
