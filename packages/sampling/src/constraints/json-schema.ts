import { checkOptions, SamplingError, show } from '../errors.ts';
import { createMatcher, type Matcher } from './automaton.ts';
import { compileSchema, type JsonSchema } from './json-schema-compiler.ts';

/** Options of the constraint by a JSON schema. */
export interface JsonSchemaOptions {
  /**
   * Blanks the text may have between its first and last character: `none`; `single`, at most one after `:` and `,`
   * (the default); `any`, up to 20 of any kind wherever JSON allows them.
   */
  readonly space?: 'none' | 'single' | 'any';
  /**
   * Which of the objects that the schema accepts may be written: `any` (the default), or `declared`: properties in
   * the order of the schema, and undeclared ones only if `additionalProperties` or `patternProperties` says so in
   * words, or the object declares none. A schema that only others would fit is then refused.
   */
  readonly objects?: 'any' | 'declared';
}

/**
 * A JSON schema as a constraint: every text it lets through is JSON that the schema accepts, and every value that
 * the schema accepts has its text let through, as `JSON.stringify` writes it, with its properties in any order.
 *
 * Strings may be spelled with any escapes, whole numbers as `1.0` or `1e2`, too. Numbers of more than 40 digits
 * before the point, lone halves of surrogate pairs and a declared property that comes twice are not let through.
 *
 * Understood: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `patternProperties`,
 * `propertyNames`, `maxProperties`, `minProperties` (of declared properties), `prefixItems`, `items`, `minItems`,
 * `maxItems`, `minLength`, `maxLength`, `pattern`, `format`, `minimum`, `maximum`, `exclusiveMinimum`,
 * `exclusiveMaximum`, `anyOf`, `oneOf` (if no value fits two branches), `allOf`, and local `$ref`, also recursive and
 * to a `$anchor`. They may stand side by side. Any other keyword that restricts is refused by name; annotations
 * are passed over. A keyword of one type says nothing of others: without `type`, `properties` allows numbers.
 *
 * Formats are `date`, `time`, `date-time`, `duration`, `email`, `ipv4`, `ipv6`, `json-pointer`,
 * `relative-json-pointer`, `uri` and `uuid`, each as its RFC has it; leap seconds at offsets of quarters of an hour.
 *
 * Written here because no library fitted: XGrammar's is 1.1 MB of WebAssembly, Hugging Face's needs the whole of
 * transformers.js beside it.
 *
 * @throws {SamplingError} naming the keyword and its place, if the schema says something that has no grammar, is
 * malformed, refers to nothing or to itself before anything is read, or if no value fits it.
 *
 * @see JSON Schema 2020-12, {@link https://json-schema.org/draft/2020-12}
 */
export function jsonSchemaMatcher(schema: JsonSchema, options: JsonSchemaOptions = {}): Matcher {
  checkOptions('json-schema', options);
  const { space = 'single', objects = 'any' } = options;
  check('space', space, ['none', 'single', 'any']);
  check('objects', objects, ['any', 'declared']);
  return createMatcher('json-schema', compileSchema(schema, { space, objects }).book);
}

function check(name: string, value: unknown, allowed: readonly string[]): void {
  if (allowed.includes(value as string)) return;
  const words = allowed.map((word) => `'${word}'`);
  throw new SamplingError(
    'json-schema',
    `${name} must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}, got ${show(value)}`,
  );
}
