import { expect, it } from 'vitest';
import { jsonSchemaMatcher } from './json-schema.ts';
import type { JsonSchema } from './json-schema-compiler.ts';

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

it('keeps messages short and plain whatever a schema is called', () => {
  const name = `\u001b[31m\u202e${'x'.repeat(100_000)}`;
  const schemas: JsonSchema[] = [
    { properties: { [name]: { not: { type: 'null' } } } },
    { properties: { [name]: 3 } },
    { $ref: `#/${name}` },
    { $ref: name },
    { $ref: `#${name}` },
    { type: name },
    { format: name },
    { [name]: true },
    { pattern: `${name}(` },
    { patternProperties: { [`${name}(`]: true } },
    { required: name },
    { enum: [], title: name },
  ];
  for (const schema of schemas) {
    let message = '';
    try {
      jsonSchemaMatcher(schema);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/^json-schema: /);
    expect(message.length).toBeLessThan(2000);
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  }
});
