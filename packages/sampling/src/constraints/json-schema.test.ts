import { describe, expect, it } from 'vitest';
import { match } from '../testing/match.ts';
import { type JsonSchemaOptions, jsonSchemaMatcher } from './json-schema.ts';
import type { JsonSchema } from './json-schema-compiler.ts';

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
  ['integer', { type: 'integer' }, [0, -7, 123456], ['007', '1.0', '+1', '"1"']],
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
    [{ b: 'x' }, { a: 1, b: 'x' }, { b: 'x', c: [1, null] }, { a: 1, b: 'x', c: {} }],
    [{}, { a: 1 }, { b: 1 }, { b: 'x', d: 1 }, '{"b":"x",}', '{"a":1"b":"x"}'],
  ],
  [
    'all optional',
    { type: 'object', properties: { a: true, b: true } },
    [{}, { a: 1 }, { b: 1 }, { a: 1, b: 2 }],
    [{ c: 1 }],
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
  ['implied type', { properties: { a: { type: 'integer' } } }, [{ a: 1 }], [{ a: 'x' }, 1]],
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
    ['"2026-11-21T23:59:00Z"', '"2026-11-21T00:00:00.5+01:00"'],
    ['"2026-11-21"'],
  ],
  ['unknown format', { type: 'string', format: 'haiku' }, ['"anything"'], ['1']],
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
];

describe.each(cases)('%s', (_name, schema, yes, no) => {
  it('takes what fits and refuses what does not', () => {
    for (const value of yes)
      expect(takes(schema, value, { space: 'none' }), JSON.stringify(value)).toBe(true);
    for (const value of no)
      expect(takes(schema, value, { space: 'none' }), JSON.stringify(value)).toBe(false);
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
    { type: 'object', patternProperties: {} },
    'patternProperties at # cannot be turned into a grammar; for object there are',
  ],
  [{ type: 'array', uniqueItems: true }, 'uniqueItems at #'],
  [{ not: { type: 'null' } }, 'not at #'],
  [{ type: 'object', properties: { a: { type: 'number', multipleOf: 3 } } }, 'multipleOf at #/properties/a'],
  [
    { type: 'number', minimum: 0.5 },
    'minimum 0.5 at # cannot be turned into a grammar; bounds must be whole numbers',
  ],
  [{ type: 'number', exclusiveMinimum: 0 }, 'exclusiveMinimum at #'],
  [{ type: 'integer', minimum: 3, maximum: 2 }, 'minimum 3 above maximum 2 at #'],
  [{ type: 'object', properties: {}, required: ['a'] }, 'required a, not among properties at #'],
  [{ type: 'thing' }, 'type "thing" at # cannot be turned into a grammar; types are object, array'],
  [
    { $ref: 'https://example.com/schema' },
    '$ref "https://example.com/schema" at # is not local; only "#/…" is followed',
  ],
  [{ $ref: '#/$defs/none' }, '$ref "#/$defs/none" at # points to nothing'],
  [{ $ref: '#' }, 'rule "root" matches no finite text'],
  [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, 'oneOf whose branches may both fit at #'],
  [{ anyOf: [{ type: 'null' }], type: 'null' }, 'anyOf beside type at #'],
  [{ enum: [] }, 'an empty enum at #'],
  [{ type: 'string', pattern: 'a', minLength: 2 }, 'pattern, format and length together at #'],
  [{ type: 'string', pattern: '(?=a)' }, 'look-around is not supported'],
  [
    { allOf: [{ type: 'object', properties: { a: true } }, { properties: { a: false } }] },
    'the property a, which is there twice,',
  ],
])('refuses %j', (schema, message) => {
  expect(() => jsonSchemaMatcher(schema as JsonSchema)).toThrow(`json-schema: ${message}`);
});

it('refuses what is no schema', () => {
  expect(() => jsonSchemaMatcher(null as unknown as JsonSchema)).toThrow(
    'json-schema: the schema at # must be an object or a boolean, got null',
  );
  expect(() => jsonSchemaMatcher(false)).toThrow('json-schema: rule "root" matches no finite text');
  expect(() => jsonSchemaMatcher(true, { space: 'tab' as 'any' })).toThrow(
    `json-schema: space must be 'none', 'single' or 'any', got "tab"`,
  );
});
