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
