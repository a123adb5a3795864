import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SamplingError } from '../errors.ts';
import { match } from '../testing/match.ts';
import { propertyRuns } from '../testing/property.ts';
import type { Matcher } from './automaton.ts';
import { type JsonSchemaOptions, jsonSchemaMatcher } from './json-schema.ts';
import type { JsonSchema } from './json-schema-compiler.ts';

// The compiler against Ajv. Schemas and values are made at random from few names and numbers, so that they often meet.

const createAjv = () => {
  // Ajv 8.20 takes {} for { required: [''] } without allErrors, and for { required: ['constructor'] } without
  // ownProperties; it passes over __proto__, and compares constants that have a toString or constructor wrongly, so
  // those names have a test of their own
  const ajv = new Ajv2020({ strict: false, allErrors: true, ownProperties: true, logger: false });
  addFormats.default(ajv);
  return ajv;
};

/**
 * What Ajv says of a value; undefined where it fails: it runs in circles through references that nothing can come
 * to, and loses track of evaluated properties between nested branches.
 */
function oracle(given: JsonSchema): (one: unknown) => boolean | undefined {
  const validate = createAjv().compile(given);
  return (one) => {
    try {
      return validate(one) as boolean;
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) return undefined;
      throw error;
    }
  };
}

const names = ['a', 'b', 'ab', '', 'x/y', 'é', 'hasOwnProperty', 'isPrototypeOf'];
const numbers = [0, 1, -1, 2, 3, 10, 0.5, -2.25, 1e21, 1e-7, 2 ** 53 - 1, 1600000000000000, 0.1 + 0.2];
const words = [
  '',
  'a',
  'ab',
  'b',
  'aab',
  'é',
  '😀',
  '😀a',
  '"',
  '\\n',
  '\n',
  '12',
  '2024-02-29',
  '1',
  'null',
];
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
const least = fc.nat({ max: 2 });
const most = fc.integer({ min: 2, max: 4 });
const low = fc.oneof(
  fc.constantFrom(...numbers.filter((v) => v < 3)),
  fc.double({ noNaN: true, max: 1, min: -1e300 }),
);
const high = fc.oneof(
  fc.constantFrom(...numbers.filter((v) => v > 1)),
  fc.double({ noNaN: true, min: 1, max: 1e300 }),
);
const references = fc.constantFrom('#', '#/$defs/one', '#/$defs/two', '#named', '#/$defs/x~1y');

const { schema, typed } = fc.letrec<{
  schema: JsonSchema;
  typed: Record<string, unknown>;
  inside: JsonSchema;
}>((tie) => {
  const inside = tie('inside');
  const byName = (keys: fc.Arbitrary<string>) =>
    fc.dictionary(keys, inside, { maxKeys: 3, noNullPrototype: true });
  const list = fc.array(tie('schema'), { minLength: 1, maxLength: 3 });
  return {
    inside: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 5, arbitrary: tie('schema') },
      { weight: 1, arbitrary: references.map(($ref) => ({ $ref })) },
    ) as fc.Arbitrary<JsonSchema>,
    typed: fc.oneof(
      some({
        type: fc.constant('object'),
        properties: byName(name),
        required: fc.uniqueArray(name, { maxLength: 2 }),
        additionalProperties: inside,
        patternProperties: byName(fc.constantFrom(...patterns)),
        propertyNames: fc.record({ pattern: fc.constantFrom(...patterns) }),
        minProperties: fc.nat({ max: 1 }),
        maxProperties: most,
      }),
      some({
        type: fc.constant('object'),
        properties: byName(name),
        required: fc.uniqueArray(name, { maxLength: 1 }),
        additionalProperties: fc.constant(false),
        minProperties: least,
      }),
      some({
        type: fc.constant('array'),
        prefixItems: fc.array(inside, { minLength: 1, maxLength: 3 }),
        items: inside,
        minItems: least,
        maxItems: most,
        uniqueItems: fc.constant(false),
      }),
      some({
        type: fc.constant('string'),
        minLength: least,
        maxLength: most,
        pattern: fc.constantFrom(...patterns),
        format: fc.constantFrom('date', 'uuid', 'email'),
      }),
      some({
        type: fc.constantFrom('number', 'integer'),
        minimum: low,
        maximum: high,
        exclusiveMinimum: low,
        exclusiveMaximum: high,
      }),
      some({
        type: fc.oneof(
          fc.constantFrom(...types),
          fc.uniqueArray(fc.constantFrom(...types), { minLength: 4 }),
        ),
        const: value,
      }),
      some({
        type: fc.constant(types),
        enum: fc.array(value, { minLength: 1, maxLength: 6 }),
      }),
    ) as fc.Arbitrary<Record<string, unknown>>,
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 1, arbitrary: fc.boolean() },
      { weight: 8, arbitrary: tie('typed') },
      {
        weight: 4,
        arbitrary: fc
          .tuple(tie('typed'), some({ anyOf: list, allOf: list, oneOf: list, $ref: references }))
          .map(([own, more]) => ({ ...(own as object), ...more })),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(tie('typed'), tie('typed'))
          .map(([own, other]) => ({ ...(own as object), ...(other as object) })),
      },
    ) as fc.Arbitrary<JsonSchema>,
  };
});

const document = fc.tuple(schema, typed, typed, typed).map(([root, one, two, three]): JsonSchema => {
  const named = { ...three, $anchor: 'named' };
  return typeof root === 'boolean' ? root : { ...root, $defs: { one, two, 'x/y': named } };
});

const anyOptions = fc.record({
  space: fc.constantFrom('none', 'single', 'any'),
  objects: fc.constantFrom('any', 'any', 'declared'),
}) satisfies fc.Arbitrary<JsonSchemaOptions>;

/** The matcher, or the message if the schema is refused by name. Any other error fails. */
function compile(given: JsonSchema, options: JsonSchemaOptions): Matcher | string {
  try {
    return jsonSchemaMatcher(given, options);
  } catch (error) {
    if (!SamplingError.isInstance(error)) throw error;
    expect(error.message).toMatch(/^json-schema: .* at #/);
    return error.message;
  }
}

/**
 * A refusal must have one of four reasons, and rightly: the keywords here all have a grammar. Two of the reasons are
 * shown to be wrong by a value that fits, or by the way of the references.
 */
function checkRefusal(
  message: string,
  given: JsonSchema,
  values: readonly unknown[],
  { objects }: JsonSchemaOptions,
): void {
  const what = /^json-schema: (.*?) at #/.exec(message)![1]!;
  const uses = (test: (node: Node) => boolean): void => expect(nodesOf(given).some(test), message).toBe(true);
  if (what === 'a schema that refers to itself before anything is read') {
    expect(runsInCircles(given), message).toBe(true);
  } else if (what === 'oneOf whose branches may both fit') {
    uses((node) => Array.isArray(node.oneOf) && node.oneOf.length > 1);
  } else if (/^minProperties [2-9]$/.test(what)) {
    uses((node) => Number(node.minProperties) > 1);
  } else {
    expect(what).toBe('a schema that no value fits');
    const validate = oracle(given);
    // of objects, those that are declared may be none where others fit
    const tried = [...values, ...suggested(given, 0)].filter(
      (one) => objects === 'any' || !JSON.stringify(one).includes('{'),
    );
    for (const one of tried)
      expect(validate(one) ?? false, `${message}; ${JSON.stringify(one)} does`).toBe(false);
  }
}

const IN_PLACE = ['anyOf', 'allOf', 'oneOf'] as const;
type Node = Record<string, unknown>;
const isNode = (one: unknown): one is Node => typeof one === 'object' && one !== null && !Array.isArray(one);

/** Whether some part of a schema comes back to itself through references and branches alone. */
function runsInCircles(root: JsonSchema): boolean {
  const definitions = (isNode(root) ? root.$defs : {}) as Record<string, Node>;
  const targets: Record<string, unknown> = {
    '#': root,
    '#/$defs/one': definitions.one,
    '#/$defs/two': definitions.two,
    '#/$defs/x~1y': definitions['x/y'],
    '#named': definitions['x/y'],
  };
  const steps = (node: Node): Node[] =>
    [targets[node.$ref as string], ...IN_PLACE.flatMap((key) => (node[key] as unknown[]) ?? [])].filter(
      isNode,
    );
  const comesBack = (node: Node, to: Node, seen: Set<Node>): boolean =>
    steps(node).some((next) => next === to || (!seen.has(next) && comesBack(next, to, seen.add(next))));
  return nodesOf(root).some((node) => comesBack(node, node, new Set()));
}

/** Every object inside a schema. */
function nodesOf(one: unknown): Node[] {
  if (typeof one !== 'object' || one === null) return [];
  const inside = Object.values(one).flatMap(nodesOf);
  return isNode(one) ? [one, ...inside] : inside;
}

/** Values that a schema speaks of: one that fits, if there is one, is often among them. */
function suggested(given: unknown, depth: number): unknown[] {
  if (!isNode(given) || depth > 3) return [null, 0, 'a'];
  const few = (one: unknown) => suggested(one, depth + 1).slice(0, 6);
  const found: unknown[] = [...((given.enum as unknown[]) ?? []), ...('const' in given ? [given.const] : [])];
  for (const key of IN_PLACE)
    for (const branch of (given[key] as unknown[]) ?? []) found.push(...few(branch));
  for (const key of ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum']) {
    const bound = given[key];
    if (typeof bound === 'number')
      found.push(bound, Math.floor(bound), Math.ceil(bound), bound + 1, bound - 1, bound + 0.5);
  }
  const properties = Object.entries((given.properties ?? {}) as Node).map(
    ([key, one]) => [key, few(one)] as const,
  );
  const required = (given.required as string[]) ?? [];
  for (let n = 0; n < 6; n++) {
    const entries = [...required.map((key) => [key, [null, 0, 'a']] as const), ...properties];
    found.push(Object.fromEntries(entries.map(([key, choices]) => [key, choices[n % choices.length]])));
    found.push(
      Object.fromEntries(entries.slice(0, required.length).map(([key, all]) => [key, all[n % all.length]])),
    );
    const items = ((given.prefixItems as unknown[]) ?? []).map((one) => few(one));
    const more = few(given.items);
    for (const length of [0, items.length, items.length + 1, 2])
      found.push(Array.from({ length }, (_, i) => (items[i] ?? more)[n % (items[i] ?? more).length]));
  }
  return [...found, ...words, ...numbers, null, true, false, {}, []];
}

/** A value as JSON with all the blanks that may stand in it. */
function spaced(one: unknown, space: 'none' | 'single' | 'any'): string {
  if (space === 'none') return JSON.stringify(one);
  if (space === 'any') return JSON.stringify(one, null, ' ');
  if (typeof one !== 'object' || one === null) return JSON.stringify(one);
  if (Array.isArray(one)) return `[${one.map((item) => spaced(item, space)).join(', ')}]`;
  const entries = Object.entries(one).map(([key, item]) => `${JSON.stringify(key)}: ${spaced(item, space)}`);
  return `{${entries.join(', ')}}`;
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
  return matcher.accepts(state)
    ? new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))
    : undefined;
}

/** The value with one part of it changed, added or taken away, or with its properties in another order. */
function mutate(one: unknown, other: unknown, random: () => number): unknown {
  if (typeof one !== 'object' || one === null || random() < 0.1) return other;
  const entries = Object.entries(one);
  const at = Math.floor(random() * (entries.length + 1));
  const [key, inside] = entries[at] ?? [names[Math.floor(random() * names.length)]!, other];
  const act = Math.floor(random() * 4);
  if (act === 0) entries.splice(at, 1);
  else if (act === 1) entries.reverse();
  else entries[at] = [key, act === 2 ? mutate(inside, other, random) : other];
  return Array.isArray(one) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

const chances = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }));
const someValues = fc.array(value, { minLength: 10, maxLength: 10 });

it('agrees with Ajv on what is let through', () => {
  const seen = { compiled: 0, accepted: 0, refused: 0, written: 0, blanks: 0 };
  fc.assert(
    fc.property(document, anyOptions, someValues, chances, (given, options, values, stream) => {
      const matcher = compile(given, options);
      if (typeof matcher === 'string') {
        checkRefusal(matcher, given, values, options);
        return;
      }
      const validate = oracle(given);
      seen.compiled++;
      const check = (one: unknown) => {
        const valid = validate(one);
        if (valid === undefined) return;
        seen[valid ? 'accepted' : 'refused']++;
        const text = JSON.stringify(one);
        const passes = match(matcher, text) === 'full';
        // of declared objects, one order of the properties only
        if (options.objects === 'any' || !text.includes('{')) expect(passes, text).toBe(valid);
        else expect(valid || !passes, text).toBe(true);
        const wide = spaced(one, options.space);
        expect(match(matcher, wide) === 'full', wide).toBe(passes);
        if (wide === text) return;
        seen.blanks++;
        const wider = spaced(one, 'any');
        if (options.space === 'single') expect(match(matcher, wider), wider).toBe('no');
      };
      const random = () => stream.next().value!;
      for (const one of values) check(one);
      for (const one of values.slice(0, 3)) {
        const text = write(matcher, random, 30);
        if (text === undefined) continue;
        seen.written++;
        const written = JSON.parse(text);
        expect(validate(written) ?? true, text).toBe(true);
        check(written);
        check(mutate(written, one, random));
      }
    }),
    propertyRuns(160),
  );
  // enough of each, or the test would prove little
  expect(seen.compiled).toBeGreaterThan(50);
  expect(Math.min(seen.accepted, seen.refused, seen.written, seen.blanks)).toBeGreaterThan(100);
}, 3_600_000);
