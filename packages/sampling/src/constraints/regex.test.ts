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
  '^a|b$',
  '^$|^a+$|b',
  '^|a',
  '(a|){3}',
  '\\ud83d\\ude00|a',
  '[\\ud83d\\ude00-\\ud83d\\ude02]',
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

it.each(['i', 'iu'])('folds cases with the flag %s as the engine does, for every character', (flags) => {
  const patterns = [
    '[a-z]',
    '[k-s]',
    'é',
    'ß',
    'ſ',
    '[α-ω]',
    '[^a-m]',
    '\\w',
    '\\W',
    '[\\u{10400}-\\u{10410}]',
  ];
  for (const pattern of patterns.filter((p) => flags === 'iu' || !p.includes('{'))) {
    const own = new RegExp(`^${pattern}$`, flags);
    const matcher = regexMatcher(new RegExp(pattern, flags));
    for (let point = 0; point < 0x11000; point++) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      const char = String.fromCodePoint(point);
      // without u the engine counts halves of characters, here they are whole
      if (point > 0xffff && flags === 'i') break;
      if (own.test(char) !== (match(matcher, char) === 'full')) {
        expect(`${pattern} ${point.toString(16)} ${match(matcher, char)}`).toBe('as the engine');
      }
    }
  }
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
  ['(^a|b)', '^ is supported only at the ends of the whole pattern'],
  ['a{2}{3}', 'two quantifiers follow each other'],
  ['{2}a', 'there is nothing for {…} to repeat'],
  ['^*', 'there is nothing for * to repeat'],
  ['(?i:a)', 'a group that begins with (? and sets flags is not supported'],
  ['\\01', '\\0 before a digit (octal) is not supported'],
  ['\\u{110000}', '\\u{110000} is beyond the last code point, 10ffff'],
  ['a{2147483648}', '{2147483648} repeats more than 2147483647 times'],
  [`a{${'9'.repeat(60)},}`, `{${'9'.repeat(60)},} repeats more than 2147483647 times`],
  ['('.repeat(500), 'groups are nested more than 400 deep'],
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
  // what reads nothing is nothing however often
  expect(match(regexMatcher('(){2000000000}a'), 'a')).toBe('full');
  expect(match(regexMatcher('((){100000}){2000000000}a{0,0}'), '')).toBe('full');
  expect(match(regexMatcher('(a{0}|()){2000000000,}b'), 'b')).toBe('full');
  for (const pattern of ['(a?){50000}', '(a*b*){40000}', '((a?){200}){200}'])
    expect(() => match(regexMatcher(pattern), 'ab'), pattern).toThrow(
      /^regex: the grammar (can be in more than 20000 places at once; |is too large: )/,
    );
  expect(() => regexMatcher('\\ud800')).toThrow('regex: rule "root" matches no finite text');
  expect(() => regexMatcher('(a{1000}){1000}')).toThrow(
    'regex: the grammar is too large: more than 200000 nodes; use smaller repetitions',
  );
});
