import { describe, expect, it } from 'vitest';
import { match } from '../testing/match.ts';
import { createMatcher } from './automaton.ts';
import { type JsonSchemaOptions, jsonSchemaMatcher } from './json-schema.ts';
import { compileSchema, type JsonSchema } from './json-schema-compiler.ts';

const takes = (schema: JsonSchema, value: unknown, options?: JsonSchemaOptions) =>
  match(jsonSchemaMatcher(schema, options), typeof value === 'string' ? value : JSON.stringify(value)) ===
  'full';

const cases: readonly (readonly [
  name: string,
  schema: JsonSchema,
  yes: readonly unknown[],
  no: readonly unknown[],
])[] = [
  ['null', { type: 'null' }, [null], ['"null"', 'nul']],
  ['boolean', { type: 'boolean' }, [true, false], ['TRUE', 1]],
  // JSON Schema has one kind of number: 1.0 and 1e2 are whole (2020-12 core, 4.2.1; validation, 6.1.1)
  ['integer', { type: 'integer' }, [0, -7, 123456, '1.0', '1e2', '-0'], ['007', '1.5', '+1', '"1"', '15e-1']],
  ['number', { type: 'number' }, [0, -1.5, 1e21, 1e-7], ['.5', '1.', 'NaN']],
  ['string', { type: 'string' }, ['""', '"é😀"', '"a\\"b\\\\c\\n\\u0001"'], ['"a', '"\n"', '"\\x"', 'a']],
  ['lengths', { type: 'string', minLength: 2, maxLength: 3 }, ['"ab"', '"😀é\\n"'], ['"a"', '"abcd"']],
  ['enum', { enum: ['red', 5, null, { a: [1] }] }, ['"red"', 5, null, { a: [1] }], ['"blue"', 6]],
  ['const', { type: 'string', const: 'a"b' }, ['"a\\"b"'], ['"ab"']],
  ['several types', { type: ['integer', 'null'] }, [3, null], ['"3"', 1.5]],
  ['anyOf', { anyOf: [{ type: 'integer' }, { enum: ['none'] }] }, [3, '"none"'], ['"3"']],
  [
    'array',
    { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 3 },
    [[1], [1, 2, 3]],
    [[], [1, 2, 3, 4], '[1,]', ['a']],
  ],
  ['array without end', { type: 'array', items: { type: 'boolean' } }, [[], [true, false, true]], [[1]]],
  ['empty array', { type: 'array', maxItems: 0 }, [[]], [[1]]],
  [
    'prefix items',
    {
      type: 'array',
      prefixItems: [{ type: 'integer' }, { type: 'string' }],
      items: { type: 'null' },
      minItems: 1,
    },
    [[1], [1, 'a'], [1, 'a', null, null]],
    [[], ['a'], [1, 2], [1, 'a', 3]],
  ],
  [
    'tuple',
    { type: 'array', prefixItems: [{ type: 'integer' }, true], items: false, minItems: 2 },
    [[1, { a: 2 }]],
    [[1], [1, 2, 3]],
  ],
  [
    'object',
    {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'string' }, c: true },
      required: ['b'],
    },
    [{ b: 'x' }, { a: 1, b: 'x' }, { b: 'x', a: 1 }, { c: {}, b: 'x', a: 1 }, { b: 'x', d: 1 }],
    [{}, { a: 1 }, { b: 1 }, { b: 'x', a: 'y' }, '{"b":"x",}', '{"a":1"b":"x"}', '{"b":"x","b":"y"}'],
  ],
  [
    'all optional',
    { type: 'object', properties: { a: true, b: true }, additionalProperties: false },
    [{}, { a: 1 }, { b: 1 }, { a: 1, b: 2 }, { b: 2, a: 1 }],
    [{ c: 1 }, '{,}', '{"a":1,}'],
  ],
  ['any object', { type: 'object' }, [{}, { x: 1, y: { z: [] } }], [[], 1]],
  [
    'additional properties',
    { type: 'object', properties: { ab: { type: 'integer' } }, additionalProperties: { type: 'boolean' } },
    [{}, { ab: 1 }, { ab: 1, abc: true, a: false }, { x: true, '': false, é: true }],
    [{ ab: true }, { x: 1 }],
  ],
  ['anything', true, [1, null, 'x'.repeat(3) && '"xxx"', { a: [{}] }, []], ['x']],
  ['no type at all', { description: 'whatever' }, [1, { a: 2 }], ['x']],
  [
    'no type beside a keyword of one',
    { properties: { a: { type: 'integer' } } },
    [{ a: 1 }, 1],
    [{ a: 'x' }],
  ],
  ['minimum', { type: 'integer', minimum: 5 }, [5, 6, 10, 99, 12345], [4, 0, -5, '05']],
  [
    'range',
    { type: 'integer', minimum: -12, maximum: 107 },
    [-12, -9, -1, 0, 7, 42, 99, 100, 107],
    [-13, 108, 200, 1000],
  ],
  ['exclusive', { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 3 }, [1, 2], [0, 3]],
  [
    'number range',
    { type: 'number', minimum: 0, maximum: 100 },
    [0, 0.5, 99.99, 100, '100.0'],
    [-1, 100.1, 101],
  ],
  ['negative numbers', { type: 'number', minimum: -3, maximum: -1 }, [-1, -2.7, -3], [-0.5, -3.1, 2]],
  ['pattern', { type: 'string', pattern: '^[A-Z]{2}-"\\d+$' }, ['"AB-\\"12"'], ['"ab-1"', '"xAB-\\"12"']],
  ['loose pattern', { type: 'string', pattern: 'a+b' }, ['"xxaabyy"', '"ab"'], ['"ba"']],
  ['date', { type: 'string', format: 'date' }, ['"2026-11-21"'], ['"2026-13-01"']],
  [
    'date-time',
    { type: 'string', format: 'date-time' },
    ['"2026-11-21T23:59:00Z"', '"2026-11-21T00:00:00.5+01:00"', '"2016-12-31T23:59:60Z"'],
    ['"2026-11-21"', '"2026-02-29T00:00:00Z"'],
  ],
  [
    'oneOf by a tag',
    {
      oneOf: [
        {
          type: 'object',
          properties: { kind: { const: 'a' }, n: { type: 'integer' } },
          required: ['kind', 'n'],
        },
        { type: 'object', properties: { kind: { const: 'b' } }, required: ['kind'] },
      ],
    },
    [{ kind: 'a', n: 1 }, { kind: 'b' }],
    [{ kind: 'a' }, { kind: 'c' }],
  ],
  [
    'allOf and references',
    {
      $defs: { named: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } },
      allOf: [
        { $ref: '#/$defs/named' },
        { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] },
      ],
    },
    [{ name: 'x', age: 3 }],
    [{ name: 'x' }, { age: 3 }],
  ],
  [
    'recursion',
    {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: {
            value: { type: 'integer' },
            next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
          },
          required: ['value', 'next'],
        },
      },
    },
    [
      { value: 1, next: null },
      { value: 1, next: { value: 2, next: { value: 3, next: null } } },
    ],
    [{ value: 1 }, { value: 1, next: 2 }],
  ],
  ['type beside enum', { type: 'string', enum: ['a', 1] }, ['"a"'], [1]],
  ['type beside const', { type: 'integer', enum: [1.5, 2] }, [2], [1.5]],
  [
    'enum beside const',
    { enum: [{ a: 1, b: [2] }, 3], const: { b: [2], a: 1 } },
    [
      { a: 1, b: [2] },
      { b: [2], a: 1 },
    ],
    [3],
  ],
  ['enum beside bounds', { enum: [1, 5, 'x', 'yy'], minimum: 2, maxLength: 1 }, [5, '"x"'], [1, '"yy"']],
  [
    'constants in other words',
    { enum: [1, 'a', { é: -2 }] },
    ['1.0', '1e0', '"\\u0061"', '{"\\u00e9":-2.0}'],
    ['"\\u0062"'],
  ],
  [
    'closed objects side by side',
    {
      allOf: [
        { properties: { a: { type: 'string' } }, additionalProperties: false },
        { properties: { b: { type: 'string' } }, additionalProperties: false },
      ],
      type: 'object',
    },
    [{}],
    [{ a: 'x' }, { b: 'y' }, { a: 'x', b: 'y' }],
  ],
  [
    'a closed object beside a reference',
    {
      $ref: '#/$defs/a',
      additionalProperties: false,
      properties: { b: true },
      type: 'object',
      $defs: { a: { properties: { a: { type: 'null' } } } },
    },
    [{}, { b: 1 }],
    [{ a: null }],
  ],
  [
    'additional properties of two',
    {
      type: 'object',
      properties: { a: true },
      additionalProperties: { type: 'integer' },
      allOf: [{ properties: { b: true }, additionalProperties: { maximum: 5 } }],
    },
    [{ a: 3, b: 9, c: 4 }, { a: null }],
    [{ a: 9 }, { b: 'x' }, { c: 6 }, { c: 'x' }],
  ],
  [
    'items of two',
    {
      type: 'array',
      prefixItems: [{ type: 'integer' }],
      items: { type: 'string' },
      allOf: [{ prefixItems: [true, { minLength: 2 }], items: { enum: ['a', 'bb', 3] } }],
    },
    [[], [1], [1, 'cc'], [1, 'cc', 'a']],
    [['x'], [1, 'c'], [1, 'cc', 'dd'], [1, 'cc', 3]],
  ],
  [
    'the same property twice',
    {
      type: 'object',
      properties: { a: { type: 'integer' } },
      allOf: [{ properties: { a: { minimum: 3 } } }],
    },
    [{ a: 3 }],
    [{ a: 2 }, { a: 'x' }],
  ],
  [
    'anyOf beside type',
    { anyOf: [{ type: 'null' }, { minimum: 3 }], type: ['null', 'integer'] },
    [null, 3],
    [2, '"x"'],
  ],
  [
    'required, not declared',
    { type: 'object', required: ['a'] },
    [{ a: 1 }, { b: 1, a: [] }],
    [{}, { b: 1 }],
  ],
  [
    'patternProperties',
    {
      type: 'object',
      patternProperties: { '^a': { type: 'integer' }, b$: { minimum: 3 } },
      additionalProperties: false,
    },
    [{ a: 1, ab: 3, b: 'x' }],
    [{ ab: 2 }, { a: 'x' }, { c: 1 }, { ab: 'x' }],
  ],
  [
    'propertyNames',
    {
      type: 'object',
      propertyNames: { pattern: '^[a-z]+$', maxLength: 2 },
      properties: { abc: true, a: { type: 'null' } },
    },
    [{}, { a: null, zz: 1 }],
    [{ abc: 1 }, { A: 1 }, { '': 1 }],
  ],
  [
    'counts of properties',
    {
      type: 'object',
      properties: { a: true, b: true, c: true },
      additionalProperties: false,
      minProperties: 2,
      maxProperties: 2,
    },
    [
      { a: 1, c: 2 },
      { c: 1, b: 2 },
    ],
    [{}, { a: 1 }, { a: 1, b: 2, c: 3 }],
  ],
  ['one item at most is unique', { type: 'array', uniqueItems: true, maxItems: 1 }, [[], [1]], [[1, 1]]],
  [
    'keywords of other types',
    { type: 'string', multipleOf: 2, uniqueItems: true, minItems: 3 },
    ['""'],
    [[1, 2, 3]],
  ],
  ['not anything', { type: 'object', properties: { a: { not: {} } } }, [{}, { b: 1 }], [{ a: 1 }]],
  [
    'pattern and length',
    { type: 'string', pattern: '^a*$', minLength: 2, maxLength: 3 },
    ['"aa"', '"aaa"'],
    ['"a"', '"aaaa"', '"ab"'],
  ],
  [
    'two patterns',
    { type: 'string', pattern: 'a', allOf: [{ pattern: '^.b' }] },
    ['"ab"', '"xbya"'],
    ['"a"', '"xb"'],
  ],
  ['alternatives tied to the ends', { type: 'string', pattern: '^a|b$' }, ['"ax"', '"xb"'], ['"xa"', '"bx"']],
  [
    'characters, not units',
    { type: 'string', minLength: 2, maxLength: 2 },
    ['"😀a"', '"\\ud83d\\ude00a"', '"\\u00e9\\n"'],
    ['"😀"', '"\\ud83d\\ude00"', '"\\ud83d"'],
  ],
  [
    'escapes before a pattern',
    { type: 'string', pattern: '^[a-b]/$' },
    ['"a/"', '"\\u0061\\/"', '"\\u0062\\u002F"'],
    ['"\\u0063/"'],
  ],
  [
    'an escaped name',
    { type: 'object', properties: { ab: { type: 'null' } } },
    ['{"a\\u0062":null}'],
    ['{"a\\u0062":1}'],
  ],
  [
    'numbers with parts',
    { type: 'number', minimum: 0.5, exclusiveMaximum: 2 },
    [0.5, 1.999, '1.0', '5e-1'],
    [0.49, 2, '2.0', '4.9e-1'],
  ],
  [
    'sixteen digits',
    { type: 'integer', minimum: 1600000000000000 },
    [1600000000000000, 1e21, 2 ** 53],
    [1599999999999999, 0],
  ],
  ['2^53 − 1', { type: 'integer', maximum: 2 ** 53 - 1 }, [2 ** 53 - 1, 1e15, -1e300], [2 ** 53]],
  ['multiples of ten to the 20', { enum: [1e21, 1e-7] }, [1e21, 1e-7, '1e21', '0.0000001'], [1e22]],
  ['an anchor', { $ref: '#node', $defs: { a: { $anchor: 'node', type: 'integer' } } }, [1], ['"x"', {}]],
  [
    'a dynamic anchor',
    { $ref: '#node', $defs: { a: { $dynamicAnchor: 'node', type: 'integer' } } },
    [1],
    ['"x"'],
  ],
  ['an encoded pointer', { $ref: '#/$defs/a~1%25%C3%A9', $defs: { 'a/%é': { type: 'null' } } }, [null], [1]],
  [
    'names that look like paths',
    {
      type: 'object',
      properties: {
        x: { type: 'object', properties: { y: { type: 'object', properties: { z: { type: 'integer' } } } } },
        'x/properties/y': { type: 'object', properties: { z: { type: 'string' } } },
      },
    },
    [{ x: { y: { z: 1 } }, 'x/properties/y': { z: 'a' } }],
    [{ x: { y: { z: 'a' } } }, { 'x/properties/y': { z: 1 } }],
  ],
  [
    'names that every object has',
    JSON.parse(
      '{"type":"object","properties":{"__proto__":{"type":"integer"},"constructor":{"type":"null"},"toString":true},"required":["toString"],"additionalProperties":false}',
    ),
    ['{"toString":1}', '{"__proto__":2,"toString":"x","constructor":null}'],
    ['{}', '{"__proto__":"x","toString":1}', '{"constructor":1,"toString":1}', '{"valueOf":1,"toString":1}'],
  ],
  [
    'a constant of such names',
    JSON.parse('{"const":{"__proto__":1,"constructor":[2]}}'),
    ['{"__proto__":1,"constructor":[2]}', '{"constructor":[2],"__proto__":1}'],
    ['{}', '{"__proto__":1}'],
  ],
  [
    'large counts',
    { type: 'array', maxItems: 2e9, items: { type: 'string', maxLength: 2e9 } },
    [[], ['a', 'b']],
    [[1]],
  ],
  [
    'oneOf by patterns',
    { type: 'string', oneOf: [{ pattern: '^a' }, { pattern: '^[^a]' }] },
    ['"ab"', '"b"'],
    ['""'],
  ],
  [
    'draft 7 with a bare reference',
    {
      $schema: 'http://json-schema.org/draft-07/schema#',
      $ref: '#/definitions/a',
      definitions: { a: { type: 'null' } },
    },
    [null],
    [1],
  ],
];

describe.each(cases)('%s', (_name, schema, yes, no) => {
  it('takes what fits and refuses what does not', () => {
    for (const value of yes)
      expect(takes(schema, value, { space: 'none' }), JSON.stringify(value)).toBe(true);
    for (const value of no)
      expect(takes(schema, value, { space: 'none' }), JSON.stringify(value)).toBe(false);
  });
});

it('with declared objects keeps to the order of the schema and to what it names', () => {
  const schema = {
    type: 'object',
    properties: { why: { type: 'string' }, answer: { type: 'integer' }, note: { type: 'string' } },
    required: ['answer'],
  };
  const declared = (value: unknown, given: object = schema) =>
    takes(given as JsonSchema, value, { space: 'none', objects: 'declared' });
  expect(declared({ why: 'x', answer: 1, note: 'y' })).toBe(true);
  expect(declared({ answer: 1 })).toBe(true);
  expect(declared({ answer: 1, why: 'x' })).toBe(false);
  expect(declared({ answer: 1, other: 2 })).toBe(false);
  expect(declared({ why: 'x' })).toBe(false);
  expect(declared({ answer: 1, other: 2 }, { ...schema, additionalProperties: true })).toBe(true);
  expect(declared({ other: 2 }, { type: 'object' })).toBe(true);
  // whatever is begun can be completed: of three, two must come, so the last cannot be the first
  const two = { ...schema, required: [], minProperties: 2 };
  expect(declared({ note: 'x' }, two)).toBe(false);
  expect(match(jsonSchemaMatcher(two, { objects: 'declared' }), '{"n')).toBe('no');
  expect(declared({ why: 'x', note: 'y' }, two)).toBe(true);
});

describe('the size of a grammar', () => {
  const nested = (depth: number, wrap: (inner: JsonSchema) => JsonSchema): JsonSchema => {
    let schema: JsonSchema = { type: 'integer' };
    for (let i = 0; i < depth; i++) schema = wrap(schema);
    return schema;
  };
  const object = (inner: JsonSchema): JsonSchema => ({
    type: 'object',
    properties: { a: inner },
    required: ['a'],
    additionalProperties: false,
  });
  const array = (inner: JsonSchema): JsonSchema => ({ type: 'array', items: inner, minItems: 1 });

  it.each([
    ['objects', object, '{"a":', '}'],
    ['arrays', array, '[', ']'],
  ])('is linear in the depth of %s', (_, wrap, open, close) => {
    const sizes = [17, 34].map((depth) => {
      const { book, nodes } = compileSchema(nested(depth, wrap), { space: 'none', objects: 'any' });
      const matcher = createMatcher('json-schema', book);
      expect(match(matcher, `${open.repeat(depth)}7${close.repeat(depth)}`)).toBe('full');
      return { nodes, rules: book.size, steps: matcher.held.nodes };
    });
    const [once, twice] = sizes as [(typeof sizes)[0], (typeof sizes)[0]];
    expect(once.nodes).toBeLessThan(60);
    expect(twice.nodes).toBeLessThanOrEqual(2 * once.nodes);
    expect(twice.rules).toBeLessThanOrEqual(2 * once.rules);
    expect(twice.steps).toBeLessThanOrEqual(2 * once.steps);
  });

  it('does not overflow the stack however deep the schema is', () => {
    const depth = 20_000 - 10;
    const matcher = jsonSchemaMatcher(nested(depth, array));
    expect(match(matcher, `${'['.repeat(depth)}7${']'.repeat(depth)}`)).toBe('full');
  });

  it('grows with the properties a text has, not with their orders', () => {
    const names = Array.from({ length: 40 }, (_, i) => `p${i}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'null' }]));
    const schema = { type: 'object', properties, required: names, additionalProperties: false };
    const { book } = compileSchema(schema, { space: 'none', objects: 'any' });
    const matcher = createMatcher('json-schema', book);
    const text = JSON.stringify(Object.fromEntries([...names].reverse().map((name) => [name, null])));
    expect(match(matcher, text)).toBe('full');
    expect(book.size).toBeLessThan(2000);
  });

  it('bounds combinations that a person would not write', () => {
    const many = { anyOf: Array.from({ length: 30 }, (_, i) => ({ minimum: i })) };
    expect(() => jsonSchemaMatcher({ allOf: [many, { ...many }, { ...many }] })).toThrow(
      'json-schema: anyOf with more than 10000 combinations of branches at #/allOf/',
    );
  });
});

it.each([
  [0, 0],
  [0, 9],
  [7, 7],
  [3, 12],
  [10, 99],
  [8, 1234],
  [100, 1000],
  [-5, 5],
  [-1234, -8],
  [-100, 99],
  [199, 201],
  [-1, 0],
])('takes exactly the whole numbers from %i to %i', (minimum, maximum) => {
  const matcher = jsonSchemaMatcher({ type: 'integer', minimum, maximum });
  for (let n = -1500; n <= 1500; n++) {
    expect(match(matcher, String(n)) === 'full', String(n)).toBe(minimum <= n && n <= maximum);
  }
});

it('allows the blanks it is told to', () => {
  const schema = { type: 'object', properties: { a: { type: 'array', items: { type: 'integer' } } } };
  const spaced = '{"a": [1, 2]}';
  const wide = '{\n  "a" : [\n    1,\n    2\n  ]\n}';
  const space = (text: string) =>
    (['none', 'single', 'any'] as const).map((s) => takes(schema, text, { space: s }));
  expect(space('{"a":[1,2]}')).toEqual([true, true, true]);
  expect(space(spaced)).toEqual([false, true, true]);
  expect(space(wide)).toEqual([false, false, true]);
});

it.each<readonly [object, string]>([
  [
    { type: 'array', uniqueItems: true },
    'uniqueItems at # cannot be turned into a grammar; say it with the keywords',
  ],
  [{ type: 'array', contains: { type: 'null' } }, 'contains at #'],
  [{ not: { type: 'null' } }, 'not at #'],
  [{ if: true, else: false }, 'if at #'],
  [{ dependentSchemas: { a: true } }, 'dependentSchemas at #'],
  [{ dependentRequired: { a: ['b'] } }, 'dependentRequired at #'],
  [{ unevaluatedProperties: false }, 'unevaluatedProperties at #'],
  [{ unevaluatedItems: false }, 'unevaluatedItems at #'],
  [{ $dynamicRef: '#a' }, '$dynamicRef at #'],
  [{ properties: { a: { $id: 'https://example.com/a' } } }, '$id at #/properties/a'],
  [
    { maxlength: 3 },
    'maxlength at # cannot be turned into a grammar; the keywords that restrict are type, enum,',
  ],
  [{ type: 'object', properties: { a: { type: 'number', multipleOf: 3 } } }, 'multipleOf at #/properties/a'],
  [{ properties: { 'a/b~': { not: {}, type: 'x' } } }, 'type "x" at #/properties/a~1b~0 cannot'],
  [{ type: 'integer', minimum: 3, maximum: 2 }, 'a schema that no value fits at # cannot'],
  [{ type: 'thing' }, 'type "thing" at # cannot be turned into a grammar; types are object, array'],
  [{ type: 'constructor' }, 'type "constructor" at #'],
  [{ type: ['string', '__proto__'] }, 'type "__proto__" at #'],
  [{ type: [] }, 'an empty type at #'],
  [{ type: 3 }, 'type 3 at #'],
  [
    { minimum: Number.POSITIVE_INFINITY },
    'minimum Infinity at # cannot be turned into a grammar; a bound is a finite number',
  ],
  [{ exclusiveMaximum: true }, 'exclusiveMaximum boolean at #'],
  [{ minLength: -1 }, 'minLength -1 at # cannot be turned into a grammar; a count is a whole number'],
  [{ minItems: 1.5 }, 'minItems 1.5 at #'],
  [{ maxItems: '3' }, 'maxItems "3" at #'],
  [{ required: 'a' }, 'required "a" at # cannot be turned into a grammar; required is a list of names'],
  [{ properties: ['a'] }, 'properties at # must be an object of schemas, got Array(1)'],
  [{ properties: { a: 3 } }, 'the schema at #/properties/a must be an object or a boolean, got 3'],
  [
    { items: [true] },
    'items as a list at # cannot be turned into a grammar; since 2020-12 that is prefixItems',
  ],
  [{ allOf: [] }, 'an empty allOf at #'],
  [{ anyOf: {} }, 'an empty anyOf at #'],
  [{ format: 'haiku' }, 'format "haiku" at # cannot be turned into a grammar; formats are date, time,'],
  [{ format: 'constructor' }, 'format "constructor" at #'],
  [{ type: 'integer', format: 'int32' }, 'format "int32" at #'],
  [{ enum: [{ a: undefined }] }, 'a value of type undefined at #/enum'],
  [{ const: new Date(0) }, 'a value that is a Date at #/const'],
  [{ const: Number.NaN }, 'the value NaN at #/const'],
  [{ const: '\ud800' }, 'half a surrogate pair in "\\ud800" at #/const'],
  [
    { $ref: 'https://example.com/schema' },
    '$ref "https://example.com/schema" at # is not local; only "#", "#/…" and',
  ],
  [{ $ref: 3 }, '$ref 3 at # is not local'],
  [{ $ref: '#/$defs/none' }, '$ref "#/$defs/none" at # points to nothing'],
  [{ $ref: '#/constructor' }, '$ref "#/constructor" at # points to nothing'],
  [{ $ref: '#/anyOf/length', anyOf: [true] }, '$ref "#/anyOf/length" at # points to nothing'],
  [{ $ref: '#/anyOf/01', anyOf: [true, true] }, '$ref "#/anyOf/01" at # points to nothing'],
  [{ $ref: '#none' }, '$ref "#none" at # points to nothing: no schema has the $anchor "none"'],
  [{ $ref: '#/%' }, '$ref "#/%" at # is not percent-encoded UTF-8; write % as %25'],
  [{ $ref: '#/%ff' }, '$ref "#/%ff" at # is not percent-encoded'],
  [{ $ref: '#/a~2' }, '$ref "#/a~2" at # has a ~ that is neither ~0 nor ~1'],
  [{ $ref: '#/title', title: 'x' }, 'the schema at #/title must be an object or a boolean, got "x"'],
  [
    { $ref: '#node', $defs: { a: { $anchor: 'node' }, b: { $anchor: 'node' } } },
    '$anchor "node" at #/$defs/a cannot be turned into a grammar; it is at #/$defs/b, too',
  ],
  [{ $ref: '#' }, 'a schema that refers to itself before anything is read at #'],
  [{ $ref: '#', type: 'object' }, 'a schema that refers to itself before anything is read at #'],
  [{ allOf: [{ $ref: '#' }] }, 'a schema that refers to itself before anything is read at #'],
  [
    { anyOf: [{ type: 'null' }, { $ref: '#' }] },
    'a schema that refers to itself before anything is read at #',
  ],
  [
    { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } } },
    'a schema that refers to itself before anything is read at #/$defs/a',
  ],
  [
    { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] },
    'a schema that no value fits at # cannot be turned into a grammar; its keywords exclude each other, or it needs',
  ],
  [
    {
      $schema: 'http://json-schema.org/draft-07/schema#',
      $ref: '#/definitions/a',
      type: 'null',
      definitions: { a: {} },
    },
    'type beside $ref at # cannot be turned into a grammar; the draft that $schema names passes over it',
  ],
  [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, 'oneOf whose branches may both fit at #'],
  [{ oneOf: [{ required: ['a'] }, { required: ['b'] }] }, 'oneOf whose branches may both fit at #'],
  [{ enum: [] }, 'an empty enum at #'],
  [
    { type: 'string', pattern: '(?=a)' },
    'pattern at #/pattern cannot be turned into a grammar; look-around is not supported',
  ],
  [{ type: 'string', pattern: 3 }, 'pattern 3 at #'],
  [
    { patternProperties: { '(': true } },
    'patternProperties at #/patternProperties/( cannot be turned into a grammar; a group',
  ],
  [
    { type: 'string', pattern: '(a|b)*a(a|b){20}', minLength: 3 },
    'pattern and length together at #/pattern cannot',
  ],
  [{ type: 'string', pattern: '^(a?){50000}$' }, 'pattern together at #/pattern cannot'],
  [{ type: 'string', pattern: 'a', minLength: 1e9 }, 'pattern and length together at #/pattern cannot'],
  [{ minProperties: 2 }, 'minProperties 2 at #'],
])('refuses %j', (schema, message) => {
  expect(() => jsonSchemaMatcher(schema as JsonSchema)).toThrow(`json-schema: ${message}`);
});

it('refuses what is no schema', () => {
  expect(() => jsonSchemaMatcher({ minimum: 12n })).toThrow('json-schema: minimum bigint at #');
  expect(() => jsonSchemaMatcher({ const: 1n })).toThrow('a value of type bigint at #/const');
  expect(() => jsonSchemaMatcher(null as unknown as JsonSchema)).toThrow(
    'json-schema: the schema at # must be an object or a boolean, got null',
  );
  expect(() => jsonSchemaMatcher(false)).toThrow('json-schema: a schema that no value fits at # cannot');
  expect(() => jsonSchemaMatcher(true, { space: 'tab' as 'any' })).toThrow(
    `json-schema: space must be 'none', 'single' or 'any', got "tab"`,
  );
  expect(() => jsonSchemaMatcher(true, { objects: 'toString' as 'any' })).toThrow(
    `json-schema: objects must be 'any' or 'declared', got "toString"`,
  );
});
