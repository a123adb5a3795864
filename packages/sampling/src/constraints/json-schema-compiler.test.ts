import { describe, expect, it } from 'vitest';
import { match } from '../testing/match.ts';
import { createMatcher } from './automaton.ts';
import { jsonSchemaMatcher } from './json-schema.ts';
import { compileSchema, type JsonSchema } from './json-schema-compiler.ts';

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
    const depth = 5000;
    const matcher = jsonSchemaMatcher(nested(depth, array));
    expect(match(matcher, `${'['.repeat(depth)}7${']'.repeat(depth)}`)).toBe('full');
  });

  it('grows with the properties a text has, not with their orders', () => {
    const names = Array.from({ length: 300 }, (_, i) => `p${i}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'null' }]));
    const schema = { type: 'object', properties, required: names, additionalProperties: false };
    const { book } = compileSchema(schema, { space: 'none', objects: 'any' });
    const matcher = createMatcher('json-schema', book);
    const text = JSON.stringify(Object.fromEntries([...names].reverse().map((name) => [name, null])));
    expect(match(matcher, text)).toBe('full');
    expect(book.size).toBeLessThan(40 * names.length);
    expect(matcher.held.nodes).toBeLessThan(100 * names.length);
  });

  it('bounds combinations that a person would not write', () => {
    const many = { anyOf: Array.from({ length: 30 }, (_, i) => ({ minimum: i })) };
    expect(() => jsonSchemaMatcher({ allOf: [many, { ...many }, { ...many }] })).toThrow(
      'json-schema: anyOf with more than 10000 combinations of branches at #/allOf/',
    );
  });
});
