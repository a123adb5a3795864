import { describe, expect, it } from 'vitest';
import { match } from '../testing/match.ts';
import { gbnfMatcher } from './gbnf.ts';

const json = `
# JSON, in the manner of the grammar that llama.cpp ships
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws

string ::=
  "\\"" (
    [^"\\\\\\x7F\\x00-\\x1F] |
    "\\\\" (["\\\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\\"" ws

number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws

ws ::= | " " | "\\n" [ \\t]{0,20}
`;

describe('a grammar of JSON', () => {
  const matcher = gbnfMatcher(json);

  it.each([
    '{}',
    '{"a": 1}',
    '{"a":[1,2.5,-3e-7,{"b":null}],"c":"x\\ny\\u00e9"}',
    '{"é😀": true,\n  "b": [\n]}',
    `{"deep":${'['.repeat(200)}${']'.repeat(200)}}`,
  ])('takes %s and all its beginnings', (text) => {
    expect(match(matcher, text)).toBe('full');
    const bytes = new TextEncoder().encode(text);
    for (let end = 0; end < bytes.length; end += 7)
      expect(match(matcher, bytes.subarray(0, end))).toBe('prefix');
  });

  it.each(['[]', '{"a"}', '{"a":01}', '{"a":1,}', '{a:1}', '{"a":"\n"}', '{} {}', '{"a":tru,'])(
    'refuses %s',
    (text) => {
      expect(match(matcher, text)).toBe('no');
    },
  );
});

it('follows recursion in the middle, which no regular expression can', () => {
  const matcher = gbnfMatcher('root ::= "a" root "b" | "c"');
  expect(match(matcher, `${'a'.repeat(300)}c${'b'.repeat(300)}`)).toBe('full');
  expect(match(matcher, `${'a'.repeat(300)}c${'b'.repeat(299)}`)).toBe('prefix');
  expect(match(matcher, `${'a'.repeat(300)}c${'b'.repeat(301)}`)).toBe('no');
});

it('keeps both ways open where a text is ambiguous', () => {
  const matcher = gbnfMatcher('root ::= list | word\nlist ::= word ("," word)+\nword ::= [a-z]+');
  expect(match(matcher, 'abc')).toBe('full');
  expect(match(matcher, 'abc,')).toBe('prefix');
  expect(match(matcher, 'abc,de')).toBe('full');
});

it('reads arithmetic, lists and moves, as the examples of llama.cpp have them', () => {
  const arithmetic = gbnfMatcher(`
    root  ::= (expr "=" ws term "\\n")+
    expr  ::= term ([-+*/] term)*
    term  ::= ident | num | "(" ws expr ")" ws
    ident ::= [a-z] [a-z0-9_]* ws
    num   ::= [0-9]+ ws
    ws    ::= [ \\t\\n]*`);
  expect(match(arithmetic, '(a +12) *b2= 7\n')).toBe('full');
  expect(match(arithmetic, '(a + ) ')).toBe('no');
  const chess = gbnfMatcher(`
    root    ::= "1. " move " " move "\\n" ([1-9] [0-9]? ". " move " " move "\\n")*
    move    ::= (pawn | nonpawn | castle) [+#]?
    # a piece, where it comes from, a capture, a square
    nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
    pawn    ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
    castle  ::= "O-O" "-O"?`);
  expect(match(chess, '1. e4 e5\n2. Nf3 O-O-O+\n')).toBe('full');
  expect(match(chess, '1. e4 e9')).toBe('no');
  const kana = gbnfMatcher(
    'root ::= jp+ ([ \\t\\n] jp+)*\njp ::= hiragana | katakana\nhiragana ::= [ぁ-ゟ]\nkatakana ::= [ァ-ヿ]',
  );
  expect(match(kana, 'ひらがな カタカナ')).toBe('full');
  expect(match(kana, 'ひらabc')).toBe('no');
});

it('reads every kind of escape, repetition and character', () => {
  const matcher = gbnfMatcher(
    'root ::= "\\t\\r\\n\\\\\\"" "\\x41\\u00e9\\U0001F600" [\\]\\[\\-^]{2} "x"{2,3} ("y" "z"){1} . "" [^a-z\\n]',
  );
  expect(match(matcher, '\t\r\n\\"Aé😀^]xxyz€A')).toBe('full');
  expect(match(matcher, '\t\r\n\\"Aé😀^]xxxyz\nA')).toBe('full');
  expect(match(matcher, '\t\r\n\\"Aé😀^]xyz')).toBe('no');
  expect(match(matcher, '\t\r\n\\"Aé😀^]xxyz€a')).toBe('no');
});

it('goes through empty rules and repetitions of them', () => {
  const matcher = gbnfMatcher('root ::= blank* "a" blank? tail\nblank ::= " "*\ntail ::= | "b" tail');
  expect(match(matcher, '   a bb')).toBe('full');
  expect(match(matcher, 'a')).toBe('full');
  expect(match(matcher, 'ba')).toBe('no');
});

it('leaves out alternatives that lead nowhere, instead of walking into them', () => {
  const matcher = gbnfMatcher('root ::= "a" endless | "b"\nendless ::= "x" endless');
  expect(match(matcher, 'a')).toBe('no');
  expect(match(matcher, 'b')).toBe('full');
});

it('stays flat over long right recursion', () => {
  const matcher = gbnfMatcher('root ::= item root | ""\nitem ::= [a-z] ","');
  expect(match(matcher, 'a,'.repeat(20_000))).toBe('full');
});

it('takes repetitions of what reads nothing, and right recursion through many rules', () => {
  expect(match(gbnfMatcher('root ::= ""{2000000000} "a" (""){1,2000000000}'), 'a')).toBe('full');
  const count = 20_000;
  const rules = Array.from({ length: count }, (_, i) => `r${i} ::= ${i + 1 < count ? `r${i + 1}` : '"x"'}`);
  expect(match(gbnfMatcher(`root ::= r0\n${rules.join('\n')}`), 'x')).toBe('full');
});

it('joins the halves of a character, and leaves out alternatives with one half', () => {
  expect(match(gbnfMatcher('root ::= "\\uD83D\\uDE00"'), '😀')).toBe('full');
  const half = gbnfMatcher('root ::= "a" "\\uD83D" | "b"');
  expect(match(half, 'a')).toBe('no');
  expect(match(half, 'b')).toBe('full');
});

it('names not more rules than a reader looks through', () => {
  const rules = Array.from({ length: 5000 }, (_, i) => `r${i} ::= "x"`).join('\n');
  const error = (() => {
    try {
      return gbnfMatcher(`${rules}\nroot ::= missing`);
    } catch (thrown) {
      return thrown as Error;
    }
  })() as Error;
  expect(error.message).toContain('… (5001 in all)');
  expect(error.message.length).toBeLessThan(400);
});

it.each([
  ['root ::= "a"{2147483648}', '{2147483648} repeats more than 2147483647 times'],
  [`root ::= "a"{1,${'9'.repeat(400)}}`, `{1,${'9'.repeat(147)}…`],
  [`root ::= ${'('.repeat(500)}`, 'groups are nested more than 400 deep'],
  [`root ::= "a"${'*'.repeat(500)}`, 'more than 400 quantifiers follow each other'],
  ['root ::= "a" expr\nexpr ::= expr "+" | "x"', 'left recursion expr → expr would never end'],
  ['root ::= a\na ::= b? c\nb ::= "b"\nc ::= a "x" | "y"', 'left recursion a → c → a would never end'],
  ['root ::= missing', 'rule "root" uses "missing", which is not one of: root'],
  ['start ::= "a"', 'there is no rule "root"; the rules are: start'],
  ['root ::= "a" root', 'rule "root" matches no finite text: every way through it comes back to itself'],
  ['root ::= "a\nroot2 ::= "b"', 'a literal is not closed, at line 2, column 14'],
  ['root ::= "abc', 'a literal is not closed, at line 1, column 14'],
  ['root ::= [a-z', 'a character class is not closed, at line 1'],
  ['root ::= ("a"', 'a group is not closed'],
  ['root ::= "a")', 'there is no open group to close'],
  ['root = "a"', '"root" must be followed by ::=, at line 1, column 6'],
  ['root ::= "a"{x}', 'a repetition is written {m}, {m,} or {m,n}'],
  ['root ::= "a"{3,2}', '{3,2} has its numbers in the wrong order'],
  ['root ::= "\\q"', '\\q is no escape'],
  ['root ::= "\\u12"', '\\u needs 4 hexadecimal digits'],
  ['root ::= <think> "a"', 'token terminals are not supported; write the text of the token as a literal'],
  ['root ::= "a"\n\nroot ::= "b"', 'the rule "root" is there twice, at line 3'],
  ['root ::= [z-a]', 'a range in a class has its ends in the wrong order'],
])('refuses %j', (grammar, message) => {
  expect(() => gbnfMatcher(grammar)).toThrow(`gbnf: ${message}`);
});
