import { SamplingError } from '../errors.ts';
import { createMatcher, type Matcher } from './automaton.ts';
import { compileSchema, type JsonSchema } from './json-schema-compiler.ts';

export interface JsonSchemaOptions {
  /**
   * Blanks the text may have: `none`; `single`, at most one after `:` and `,` (the default); `any`, up to 20 of
   * any kind wherever JSON allows them.
   */
  readonly space?: 'none' | 'single' | 'any';
}

/**
 * A JSON schema as a constraint: every text it lets through is JSON that the schema accepts. (Not the other way
 * round: properties come in the order of the schema, and undeclared ones only if `additionalProperties` says so
 * in words.)
 *
 * Understood: `type`, `properties`, `required`, `additionalProperties`, `items`, `prefixItems`, `minItems`,
 * `maxItems`, `enum`, `const`, `anyOf`, `oneOf` (if no value fits two branches), `allOf` (of objects), local `$ref`
 * also recursive, `minLength`, `maxLength`, `pattern`, the formats `date`, `time`, `date-time`, `uuid`, `ipv4`, and
 * whole-number bounds. Any other keyword that restricts is refused by name; annotations are passed over.
 *
 * Written here because no library fitted: XGrammar's is 1.1 MB of WebAssembly, Hugging Face's needs the whole of
 * transformers.js beside it.
 *
 * @see JSON Schema 2020-12, {@link https://json-schema.org/draft/2020-12}
 */
export function jsonSchemaMatcher(schema: JsonSchema, { space = 'single' }: JsonSchemaOptions = {}): Matcher {
  if (!['none', 'single', 'any'].includes(space)) {
    throw new SamplingError(
      'json-schema',
      `space must be 'none', 'single' or 'any', got ${JSON.stringify(space)}`,
    );
  }
  return createMatcher('json-schema', compileSchema(schema, space));
}
