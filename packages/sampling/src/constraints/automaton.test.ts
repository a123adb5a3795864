import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { match } from '../testing/match.ts';
import { createMatcher, type Matcher, type Pushdown } from './automaton.ts';
import { choice, type Expression, type Grammar, literal, repeat, rule, sequence, set } from './expression.ts';
import { compileSchema } from './json-schema-compiler.ts';
import { regexExpression } from './regex.ts';
import type { RuleBook } from './rule-book.ts';

const long = process.env.HEADWISE_LONG === '1';

const letters = ['a', 'b', 'é'];

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...letters, '').map(literal),
    fc.constantFrom('r', 's').map(rule),
    fc.array(tie('expression'), { maxLength: 3 }).map((items) => sequence(...items)),
    fc.array(tie('expression'), { minLength: 1, maxLength: 3 }).map((options) => choice(...options)),
    fc
      .tuple(tie('expression'), fc.nat({ max: 2 }), fc.constantFrom(0, 1, 2, Infinity))
      .map(([item, min, more]) => repeat(item, min, min + more)),
  ),
}));

const grammar = fc.tuple(expression, expression, expression).map(
  ([root, r, s]): Grammar => ({
    root: 'root',
    rules: new Map([
      ['root', root],
      ['r', r],
      ['s', s],
    ]),
  }),
);

const texts = ['', ...letters, ...letters.flatMap((a) => letters.map((b) => a + b))];
const all = [...texts, ...texts.filter((t) => t.length === 2).flatMap((t) => letters.map((c) => t + c))];

/** The texts of up to three letters that an expression matches, by taking every way through it. */
function language({ rules }: Grammar): ReadonlySet<string> {
  let known = new Map([...rules.keys()].map((name) => [name, new Set<string>()]));
  const join = (a: ReadonlySet<string>, b: ReadonlySet<string>) =>
    new Set([...a].flatMap((x) => [...b].map((y) => x + y)).filter((text) => text.length <= 3));
  const of = (at: Expression): ReadonlySet<string> => {
    switch (at.kind) {
      case 'set':
        return new Set(at.ranges.map(([first]) => String.fromCodePoint(first)));
      case 'rule':
        return known.get(at.name)!;
      case 'sequence':
        return at.items.reduce((found: ReadonlySet<string>, item) => join(found, of(item)), new Set(['']));
      case 'choice':
        return new Set(at.options.flatMap((option) => [...of(option)]));
      case 'repeat': {
        const once = of(at.item);
        let ways: ReadonlySet<string> = new Set(['']);
        let found = new Set<string>();
        // more than three repetitions add only what reads nothing
        for (let times = 0; times <= Math.min(at.max, at.min + 4); times++) {
          if (times >= at.min) found = new Set([...found, ...ways]);
          ways = join(ways, once);
        }
        return found;
      }
    }
  };
  for (let before = -1; ; ) {
    known = new Map([...rules].map(([name, body]) => [name, new Set(of(body))]));
    const size = [...known.values()].reduce((sum, { size }) => sum + size, 0);
    if (size === before) return known.get('root')!;
    before = size;
  }
}

/** The matcher, unless the grammar is refused: left recursion, or no finite text. */
function tryCreate(given: Grammar, memory?: number): Matcher | string {
  try {
    return createMatcher('test', given, memory === undefined ? {} : { memory });
  } catch (error) {
    expect((error as Error).message).toMatch(/^test: (left recursion|rule "root" matches no finite text)/);
    return (error as Error).message;
  }
}

it('matches what grammars say, and knows beginnings from dead ends', () => {
  let matched = 0;
  fc.assert(
    fc.property(grammar, (given) => {
      const matcher = tryCreate(given);
      if (typeof matcher === 'string') return;
      const wanted = language(given);
      for (const text of all) {
        const is = match(matcher, text);
        expect(is === 'full', text).toBe(wanted.has(text));
        if (is === 'full') matched++;
        if ([...wanted].some((whole) => whole.startsWith(text))) expect(is, text).not.toBe('no');
      }
    }),
    long ? { numRuns: 20_000 } : { numRuns: 400, seed: 20 },
  );
  expect(matched).toBeGreaterThan(300);
}, 600_000);

describe('memory', () => {
  it('gives the same answers when everything is forgotten again and again', () => {
    fc.assert(
      fc.property(grammar, (given) => {
        const [ample, scarce] = [tryCreate(given), tryCreate(given, 1)];
        if (typeof ample === 'string' || typeof scarce === 'string') return;
        for (const text of all) expect(match(scarce, text), text).toBe(match(ample, text));
      }),
      long ? { numRuns: 5000 } : { numRuns: 100, seed: 21 },
    );
  });

  it('writes the rules of a schema down again', () => {
    const schema = { type: 'array', maxItems: 1e9, items: { type: 'string', maxLength: 1e9 } };
    const [scarce, ample] = [3000, 8_000_000].map((memory) => {
      const { book } = compileSchema(schema, { space: 'none', objects: 'any' });
      return { book, matcher: createMatcher('test', book, { memory }) };
    }) as [{ book: RuleBook; matcher: Pushdown }, { book: RuleBook; matcher: Pushdown }];
    const text = JSON.stringify(Array.from({ length: 60 }, (_, i) => 'é'.repeat(i)));
    for (const { matcher } of [scarce, ample]) {
      expect(match(matcher, text)).toBe('full');
      expect(match(matcher, `${text.slice(0, 1500)}]`)).not.toBe('full');
    }
    expect(scarce.book.size).toBeLessThan(ample.book.size);
  });

  it('keeps states usable that were given out before', () => {
    const { whole } = regexExpression('test', '(a|b)*a(a|b){12}');
    const rules = new Map([['root', whole]]);
    const scarce = createMatcher('test', { root: 'root', rules }, { memory: 2000 });
    const ample = createMatcher('test', { root: 'root', rules });
    const given: [number, number][] = [];
    let [a, b] = [scarce.start, ample.start];
    for (let i = 0; i < 400; i++) {
      const byte = (i * i * 7919) % 11 < 5 ? 0x61 : 0x62;
      [a, b] = [scarce.next(a, byte), ample.next(b, byte)];
      given.push([a, b]);
    }
    for (const [one, other] of given) {
      expect(scarce.accepts(one)).toBe(ample.accepts(other));
      expect(scarce.accepts(scarce.next(one, 0x61))).toBe(ample.accepts(ample.next(other, 0x61)));
    }
  });

  it('is bounded where an expression has more states than memory', () => {
    // 2^20 states, one for each of the last 20 letters
    const { whole } = regexExpression('test', '(a|b)*a(a|b){20}');
    const memory = 200_000;
    const matcher = createMatcher('test', { root: 'root', rules: new Map([['root', whole]]) }, { memory });
    let state = matcher.start;
    let most = 0;
    let seed = 1;
    for (let i = 0; i < 20_000; i++) {
      seed = (seed * 48271) % 2147483647;
      state = matcher.next(state, seed % 2 === 0 ? 0x61 : 0x62);
      most = Math.max(most, matcher.held.units);
    }
    expect(state).toBeGreaterThan(10_000);
    expect(most).toBeLessThan(2 * memory);
  });
});

it('refuses states it never gave, and what is no byte', () => {
  const matcher = createMatcher('test', { root: 'root', rules: new Map([['root', set([0x61, 0x61])]]) });
  expect(() => matcher.next(7, 0x61)).toThrow('test: there is no state 7; next() gives them, from start on');
  expect(() => matcher.accepts('length' as unknown as number)).toThrow('test: there is no state "length"');
  expect(() => matcher.next(0, 256)).toThrow('test: a byte must be a whole number from 0 to 255, got 256');
  expect(() => matcher.next(0, 0.5)).toThrow('test: a byte must be a whole number');
  expect(matcher.next(-1, 0x61)).toBe(-1);
  expect(matcher.accepts(-1)).toBe(false);
});
