import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SamplingError } from '../errors.ts';
import { match } from '../testing/match.ts';
import type { Matcher } from './automaton.ts';
import { jsonSchemaMatcher } from './json-schema.ts';
import type { JsonSchema } from './json-schema-compiler.ts';

/**
 * The compiler against Ajv. Schemas and values are made at random from few names and numbers, so that they often
 * meet; `HEADWISE_LONG=1` makes fifty times as many, with other seeds each time.
 */
const long = process.env.HEADWISE_LONG === '1';
const runs = (count: number): fc.Parameters<unknown> =>
  long ? { numRuns: 50 * count } : { numRuns: count, seed: 14 };

const createAjv = () => {
  const ajv = new Ajv2020({ strict: false, allErrors: false, logger: false });
  addFormats.default(ajv);
  return ajv;
};

const names = ['a', 'b', 'ab', '', 'x/y', 'é', '__proto__', 'constructor'];
const numbers = [0, 1, -1, 2, 3, 10, 0.5, -2.25, 1e21, 1e-7, 2 ** 53 - 1, 1600000000000000, 0.1 + 0.2];
const words = ['', 'a', 'ab', 'b', 'aab', 'é', '😀', '😀a', '"', '\\n', '\n', '12', '2024-02-29', '1', 'null'];
const patterns = ['^a', 'b$', '^[a-z]+$', '^(a|b)*$', '.', '^.{2}$', '\\d', 'é|😀', '^$', '^a|b$'];

const name = fc.constantFrom(...names);
const number = fc.oneof(fc.constantFrom(...numbers), fc.double({ noNaN: true, noDefaultInfinity: true }));
const word = fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'binary', maxLength: 4 }));

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    number,
    word,
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(name, tie('value')), { maxLength: 4 })
      .map((entries) => Object.fromEntries(entries) as object),
  ),
}));

/** Some of the keywords, none of them surely. */
const some = (keywords: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(keywords, { requiredKeys: [] }) as fc.Arbitrary<Record<string, unknown>>;

const types = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];
const count = fc.nat({ max: 3 });

const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => {
  const inside = tie('schema');
  const byName = (keys: fc.Arbitrary<string>) =>
    fc.dictionary(keys, inside, { maxKeys: 3, noNullPrototype: true });
  const list = fc.array(inside, { minLength: 1, maxLength: 3 });
  const branches = {
    anyOf: list,
    oneOf: list,
    allOf: list,
    $ref: fc.constantFrom('#', '#/$defs/one', '#/$defs/two', '#named', '#/$defs/x~1y'),
  };
  const typed = fc.oneof(
    some({
      type: fc.constant('object'),
      properties: byName(name),
      required: fc.uniqueArray(name, { maxLength: 2 }),
      additionalProperties: inside,
      patternProperties: byName(fc.constantFrom(...patterns)),
      propertyNames: inside,
      minProperties: count,
      maxProperties: count,
    }),
    some({
      type: fc.constant('array'),
      prefixItems: list,
      items: inside,
      minItems: count,
      maxItems: count,
      uniqueItems: fc.boolean(),
    }),
    some({
      type: fc.constant('string'),
      minLength: count,
      maxLength: count,
      pattern: fc.constantFrom(...patterns),
      format: fc.constantFrom('date', 'uuid', 'email'),
    }),
    some({
      type: fc.constantFrom('number', 'integer'),
      minimum: number,
      maximum: number,
      exclusiveMinimum: number,
      exclusiveMaximum: number,
    }),
    some({
      type: fc.oneof(
        fc.constantFrom(...types),
        fc.uniqueArray(fc.constantFrom(...types), { minLength: 1, maxLength: 3 }),
      ),
      const: value,
      enum: fc.uniqueArray(value, { minLength: 1, maxLength: 4, comparator: (a, b) => JSON.stringify(a) === JSON.stringify(b) }),
    }),
  );
  return {
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.boolean(),
      typed,
      fc.tuple(typed, some(branches)).map(([own, more]) => ({ ...own, ...more })),
      fc.tuple(typed, typed, some(branches)).map(([own, other, more]) => ({ ...own, ...other, ...more })),
    ) as fc.Arbitrary<JsonSchema>,
  };
});

const document = fc
  .tuple(schema, schema, schema, schema)
  .map(([root, one, two, three]): JsonSchema => {
    const named = typeof three === 'object' ? { ...three, $anchor: 'named' } : { $anchor: 'named' };
    return typeof root === 'boolean' ? root : { ...root, $defs: { one, two, 'x/y': named } };
  });

/** The matcher, or undefined if the schema is refused by name. Any other error fails. */
function compile(given: JsonSchema): Matcher | undefined {
  try {
    return jsonSchemaMatcher(given, { space: 'none' });
  } catch (error) {
    if (!SamplingError.isInstance(error)) throw error;
    expect(error.message).toMatch(/^json-schema: .* at #/);
    return undefined;
  }
}

/** Texts that a matcher lets through: at each byte one of those that may come, towards an end after a while. */
function write(matcher: Matcher, random: () => number, patience: number): string | undefined {
  const bytes: number[] = [];
  let state = matcher.start;
  for (let length = 0; length < 4 * patience; length++) {
    if (matcher.accepts(state) && (length > patience || random() < 0.2)) break;
    const open: number[] = [];
    for (let byte = 0; byte < 256; byte++) if (matcher.next(state, byte) >= 0) open.push(byte);
    if (open.length === 0) {
      // whatever is begun can be completed
      expect(matcher.accepts(state)).toBe(true);
      break;
    }
    const ends = open.filter((byte) => '"]}'.includes(String.fromCharCode(byte)));
    const from = ends.length > 0 && random() < length / patience ? ends : open;
    const byte = from[Math.floor(random() * from.length)]!;
    bytes.push(byte);
    state = matcher.next(state, byte);
  }
  return matcher.accepts(state) ? new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes)) : undefined;
}

describe('against Ajv', () => {
  it('lets a value through exactly if the schema accepts it', () => {
    let compiled = 0;
    let accepted = 0;
    fc.assert(
      fc.property(document, fc.array(value, { minLength: 20, maxLength: 20 }), (given, values) => {
        const matcher = compile(given);
        if (!matcher) return;
        compiled++;
        const validate = createAjv().compile(given);
        for (const one of values) {
          const text = JSON.stringify(one);
          const valid = validate(one);
          if (valid) accepted++;
          expect(match(matcher, text) === 'full', text).toBe(valid);
        }
      }),
      runs(300),
    );
    expect(compiled).toBeGreaterThan(50);
    expect(accepted).toBeGreaterThan(500);
  });

  it('lets through only what the schema accepts', () => {
    let written = 0;
    fc.assert(
      fc.property(document, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })), (given, stream) => {
        const matcher = compile(given);
        if (!matcher) return;
        const validate = createAjv().compile(given);
        const random = () => stream.next().value!;
        for (let i = 0; i < 5; i++) {
          const text = write(matcher, random, 30);
          if (text === undefined) continue;
          written++;
          expect(validate(JSON.parse(text)), text).toBe(true);
        }
      }),
      runs(200),
    );
    expect(written).toBeGreaterThan(100);
  });
});
