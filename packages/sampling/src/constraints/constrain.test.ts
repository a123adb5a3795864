import { describe, expect, it } from 'vitest';
import { Candidates } from '../candidates.ts';
import {
  type Chain,
  ConstraintError,
  chain,
  constrain,
  createSampler,
  draw,
  gbnfMatcher,
  generate,
  greedy,
  jsonSchemaMatcher,
  type Matcher,
  regexMatcher,
  temperature,
} from '../index.ts';
import { createRandom } from '../random/xoshiro.ts';
import { match } from '../testing/match.ts';
import { normalRow } from '../testing/tools.ts';
import { Vocabulary } from './vocabulary.ts';

// token 0 ends the text, token 1 stands for nothing; then single bytes of a euro sign, letters, and longer pieces
const euro = [...new TextEncoder().encode('€')].map((byte) => Uint8Array.of(byte));
const pieces = [
  null,
  '',
  ...euro,
  ...'abcdefghijklmnopqrstuvwxyz0123456789{}[]":,.- \n',
  'ab',
  'abc',
  '": ',
  '{"',
  'true',
  'null',
  '12',
  '","',
];
const id = (piece: string) => pieces.indexOf(piece);
const decode = (ids: readonly number[]) => new Vocabulary(pieces, [0]).text(ids);
const chainOf = (matcher: Matcher, endIds: readonly number[] = [0]): Chain =>
  chain(constrain(matcher, { pieces, endIds }), temperature(1.5), draw());

/** A model that knows nothing: other random logits at every step. */
const babble =
  (seed: number) =>
  (_: readonly number[], { position }: { position: number }) =>
    normalRow(seed * 1000 + position, pieces.length);

const run = (matcher: Matcher, seed: number, endIds: readonly number[] = [0], maxTokens = 400) =>
  generate(babble(seed), {
    prompt: [1],
    sampler: createSampler(chainOf(matcher, endIds), { seed }),
    maxTokens,
    stopIds: endIds,
    decode,
  }).finish();

describe('a model that knows nothing', () => {
  it('writes what the expression matches', async () => {
    const matcher = regexMatcher('(ab|x{2,3})+(: [0-9]{2,5}€)?');
    for (let seed = 0; seed < 40; seed++) {
      const { text, reason } = await run(matcher, seed);
      expect(reason).toBe('stop-id');
      expect(text).toMatch(/^(ab|x{2,3})+(: [0-9]{2,5}€)?$/);
    }
  });

  it('writes texts of the grammar', async () => {
    const matcher = gbnfMatcher('root ::= "[" (item ("," item){0,3})? "]"\nitem ::= root | [0-9]{1,2} | "€"');
    for (let seed = 0; seed < 40; seed++) {
      const { text, reason } = await run(matcher, seed);
      if (reason === 'stop-id') expect(match(matcher, text)).toBe('full');
      else expect(match(matcher, text)).not.toBe('no');
    }
  });

  it('writes JSON that the schema accepts', async () => {
    const matcher = jsonSchemaMatcher({
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 6 },
        age: { type: 'integer', minimum: 0, maximum: 130 },
        tags: { type: 'array', items: { enum: ['a', 'bc'] }, maxItems: 3 },
      },
      required: ['name', 'age'],
      additionalProperties: false,
    });
    for (let seed = 0; seed < 40; seed++) {
      const { text, reason } = await run(matcher, seed);
      expect(reason).toBe('stop-id');
      const value = JSON.parse(text);
      expect(typeof value.name).toBe('string');
      expect([...value.name].length).toBeLessThanOrEqual(6);
      expect(Number.isInteger(value.age) && value.age >= 0 && value.age <= 130).toBe(true);
      for (const tag of value.tags ?? []) expect(['a', 'bc']).toContain(tag);
      expect(Object.keys(value).every((key) => ['name', 'age', 'tags'].includes(key))).toBe(true);
    }
  });
});

it('allows exactly the tokens after which the text can become complete', () => {
  const matcher = gbnfMatcher('root ::= "ab" [c-e] | "abc" "x" | "€" root?');
  const vocabulary = new Vocabulary(pieces, [0]);
  for (const text of ['', 'a', 'ab', 'abc', '€']) {
    let state = matcher.start;
    for (const byte of new TextEncoder().encode(text)) state = matcher.next(state, byte);
    const mask = vocabulary.allowed(matcher, state);
    pieces.forEach((piece, token) => {
      const rest = typeof piece === 'string' ? new TextEncoder().encode(piece) : (piece ?? new Uint8Array(0));
      const whole = Uint8Array.from([...new TextEncoder().encode(text), ...rest]);
      const possible = rest.length > 0 && match(matcher, whole) !== 'no';
      expect(mask[token] === 1, `${text} + ${piece}`).toBe(possible);
    });
  }
});

it('says of one token what it does with all of them', () => {
  const matcher = gbnfMatcher('root ::= "ab" [c-e] | "abc" "x" | "€" root?');
  for (const accepted of [
    [],
    [id('a')],
    [id('a'), id('b')],
    [id('a'), id('b'), id('c')],
    [2, 3, 4],
    [2, 3, 4, 0],
  ]) {
    for (const looked of [false, true]) {
      const rule = constrain(matcher, { pieces, endIds: [0] });
      const state = rule.start!();
      const context = { ids: [], promptLength: 0, random: createRandom(1) };
      for (const token of accepted) rule.accept!(token, context, state);
      const left = new Candidates().load(new Float32Array(pieces.length));
      const removesAll = accepted.includes(0);
      if (looked && !removesAll) rule.apply(left, context, state);
      const said = pieces.flatMap((_, token) => (rule.allows!(token, context, state) ? [token] : []));
      if (!looked && !removesAll) rule.apply(left, context, state);
      expect(said).toEqual(removesAll ? [] : [...left.ids.subarray(0, left.size)]);
    }
  }
});

it('as a check reads the token that was drawn, not the vocabulary', () => {
  let read = 0;
  const matcher = regexMatcher('[a-z]*');
  const counting = {
    ...matcher,
    next: (state: number, byte: number) => {
      read++;
      return matcher.next(state, byte);
    },
    accepts: (state: number) => matcher.accepts(state),
  };
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const words = letters.flatMap((a) => letters.map((b) => a + b));
  const check = constrain(counting, { pieces: words });
  const sampler = createSampler({ ...chain(draw()), check }, { seed: 1 });
  for (let n = 0; n < 10; n++) sampler.sample(new Float32Array(words.length));
  // once to ask, once to follow
  expect(read).toBe(10 * 2 * 2);
});

it('tells long tokens apart by what follows their first 65 536 bytes', () => {
  const start = 'a'.repeat(65_536);
  const long = [`${start}b`, `${start}c`, 'x'];
  const mask = new Vocabulary(long, []).allowed(regexMatcher('a+c|x'), 0);
  expect([...mask]).toEqual([0, 1, 1]);
});

it('lets the end come only where the text is complete', () => {
  const rule = constrain(regexMatcher('a+'), { pieces, endIds: [0] });
  const sampler = createSampler(chain(rule, draw()), { seed: 1 });
  const allowed = () => [...sampler.distribution(new Float32Array(pieces.length)).ids];
  expect(allowed()).toEqual([id('a')]);
  sampler.accept(id('a'));
  expect(allowed()).toEqual([0, id('a')]);
});

it('without an end token, ends where nothing may follow', async () => {
  const { reason, text } = await run(regexMatcher('abc[0-9]'), 3, []);
  expect(reason).toBe('complete');
  expect(text).toMatch(/^abc[0-9]$/);
});

it('goes on alike from a state written down as JSON', () => {
  const matcher = regexMatcher('(abc|xyz)+€');
  const sampler = createSampler(chainOf(matcher), { seed: 4 });
  const row = new Float32Array(pieces.length);
  for (let i = 0; i < 5; i++) sampler.sample(row);
  const state = JSON.parse(JSON.stringify(sampler.state()));
  const copies = [sampler.clone(), createSampler(chainOf(matcher), { state })];
  const wanted = Array.from({ length: 4 }, () => sampler.sample(row));
  for (const copy of copies) expect(wanted.map(() => copy.sample(row))).toEqual(wanted);
});

describe('a constraint that allows nothing', () => {
  it('says so, with the text so far and what could have come', async () => {
    // nothing in the vocabulary writes a Q
    const matcher = regexMatcher('abQ');
    await expect(run(matcher, 1)).rejects.toThrow(
      `constrain: the regex allows none of the ${pieces.length} candidates; the next byte would have to be "Q"; the text so far is "ab"`,
    );
    const error = await run(matcher, 1).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ConstraintError);
    expect(error.text).toBe('ab');
  });

  it('says so where an earlier rule removed what was allowed', () => {
    const sampler = createSampler(chain(temperature(0), constrain(regexMatcher('b'), { pieces }), greedy()));
    const row = Float32Array.from(pieces, (_, i) => (i === id('a') ? 1 : 0));
    expect(() => sampler.sample(row)).toThrow('the regex allows none of the 1 candidates');
  });

  it('says so where the text is complete and no end token is there', () => {
    const sampler = createSampler(chain(constrain(regexMatcher('a'), { pieces }), greedy()));
    const row = new Float32Array(pieces.length);
    sampler.sample(row);
    expect(sampler.finished).toBe(true);
    expect(() => sampler.sample(row)).toThrow(
      'constrain: the text is complete and nothing may follow, and there is no end token among the candidates',
    );
  });

  it('says so when a token comes that breaks the grammar', () => {
    const sampler = createSampler(chain(constrain(regexMatcher('ab'), { pieces }), greedy()));
    sampler.accept(id('a'));
    expect(() => sampler.accept(id('x'))).toThrow(
      `constrain: token ${id('x')} breaks the regex; the text so far is "a"`,
    );
  });
});

it('refuses what is no matcher and no vocabulary', () => {
  expect(() => constrain('yes|no' as unknown as Matcher, { pieces })).toThrow(
    `constrain: needs a matcher, got "yes|no"; regexMatcher('yes|no') makes one`,
  );
  expect(() => constrain(regexMatcher('a'), { pieces: [] })).toThrow(
    'vocabulary: needs the text of every token as a list, got Array(0)',
  );
  expect(() => constrain(regexMatcher('a'), { pieces: ['a', 3 as unknown as string] })).toThrow(
    'vocabulary: the text of token 1 must be a string, bytes or null, got 3',
  );
});
