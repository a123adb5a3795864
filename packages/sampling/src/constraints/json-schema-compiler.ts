import { SamplingError, show } from '../errors.ts';
import {
  choice,
  type Expression,
  empty,
  type Grammar,
  literal,
  optional,
  repeat,
  rule,
  sequence,
  set,
} from './expression.ts';
import { areDisjoint, mergeObjects, pointerTarget } from './json-schema-parts.ts';
import { jsonCharacter, jsonInteger, jsonNumber, jsonString, otherThan } from './json-text.ts';
import { regexExpression } from './regex.ts';

/** A JSON schema as data; `true` is any value. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

type Schema = Exclude<JsonSchema, boolean>;
type Space = 'none' | 'single' | 'any';

const annotations = new Set(
  '$schema $id $comment $defs definitions title description default examples deprecated readOnly writeOnly'.split(
    ' ',
  ),
);
const keywords: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  boolean: [],
  null: [],
};
const date = '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])';
const time = '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])';
const octet = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const formats: Readonly<Record<string, string>> = {
  date,
  time,
  'date-time': `${date}T${time}`,
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  ipv4: `${octet}(\\.${octet}){3}`,
};

/** @throws {SamplingError} naming the keyword and its place, if the schema says something that has no grammar. */
export function compileSchema(schema: JsonSchema, space: Space): Grammar {
  const rules = new Map<string, Expression>();
  rules.set('root', new SchemaCompiler(schema, rules, space).compile(schema, '#'));
  return { root: 'root', rules };
}

class SchemaCompiler {
  readonly #document: JsonSchema;
  readonly #rules: Map<string, Expression>;
  /** Blanks after a separator, and inside the brackets. */
  readonly #gap: Expression;
  readonly #inner: Expression;

  constructor(document: JsonSchema, rules: Map<string, Expression>, space: Space) {
    this.#document = document;
    this.#rules = rules;
    const blanks = repeat(set([9, 10], [13, 13], [32, 32]), 0, 20);
    this.#inner = space === 'any' ? blanks : empty;
    this.#gap = space === 'any' ? blanks : space === 'single' ? optional(literal(' ')) : empty;
  }

  compile(schema: JsonSchema, path: string): Expression {
    if (schema === true) return this.#anyValue();
    if (schema === false) return choice(...[set()]);
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
      throw new SamplingError(
        'json-schema',
        `the schema at ${path} must be an object or a boolean, got ${show(schema)}`,
      );
    }
    const stated = Object.keys(schema).filter((key) => !annotations.has(key));
    if (stated.length === 0) return this.#anyValue();
    if ('$ref' in schema)
      return stated.length === 1 ? this.#reference(schema.$ref, path) : this.#merge(schema, path);
    if ('allOf' in schema) return this.#merge(schema, path);
    for (const key of ['const', 'enum', 'anyOf', 'oneOf'] as const) {
      if (key in schema) return this.#alternatives(key, schema, stated, path);
    }
    return this.#typed(schema, stated, path);
  }

  #alternatives(
    key: 'const' | 'enum' | 'anyOf' | 'oneOf',
    schema: Schema,
    stated: string[],
    path: string,
  ): Expression {
    const rest = stated.filter(
      (other) => other !== key && !(other === 'type' && (key === 'const' || key === 'enum')),
    );
    if (rest.length > 0)
      this.#refuse(`${key} beside ${rest.join(', ')}`, path, 'put everything into the branches');
    if (key === 'const') return literal(JSON.stringify(schema.const));
    const branches = schema[key];
    if (!Array.isArray(branches) || branches.length === 0)
      this.#refuse(`an empty ${key}`, path, 'give it a list');
    if (key === 'enum') return choice(...branches.map((value) => literal(JSON.stringify(value))));
    if (key === 'oneOf' && !areDisjoint(this.#document, branches)) {
      this.#refuse(
        'oneOf whose branches may both fit',
        path,
        'use anyOf, or give each branch its own type or const',
      );
    }
    return choice(...branches.map((branch, i) => this.compile(branch, `${path}/${key}/${i}`)));
  }

  #typed(schema: Schema, stated: readonly string[], path: string): Expression {
    const types = [schema.type ?? this.#impliedTypes(stated)].flat() as string[];
    for (const type of types) {
      if (!keywords[type])
        this.#refuse(`type ${JSON.stringify(type)}`, path, `types are ${Object.keys(keywords).join(', ')}`);
    }
    const known = new Set(['type', ...types.flatMap((type) => keywords[type]!)]);
    const unknown = stated.find((key) => !known.has(key));
    if (unknown) this.#refuse(unknown, path, `for ${types.join(' or ')} there are ${[...known].join(', ')}`);
    return choice(...types.map((type) => this.#ofType(type, schema, path)));
  }

  /** Without `type` a schema lets every other type through; keywords of one type then restrict that type alone. */
  #impliedTypes(stated: readonly string[]): string[] {
    const all = Object.keys(keywords).filter((type) => type !== 'integer');
    const meant = all.filter((type) => stated.some((key) => keywords[type]!.includes(key)));
    return meant.length > 0 ? meant : all;
  }

  #ofType(type: string, schema: Schema, path: string): Expression {
    if (type === 'object') return this.#object(schema, path);
    if (type === 'array') return this.#array(schema, path);
    if (type === 'string') return this.#string(schema, path);
    if (type === 'null') return literal('null');
    if (type === 'boolean') return choice(literal('true'), literal('false'));
    const whole = type === 'integer';
    const read = (key: string, other: number) => this.#bound(schema, key, other, path);
    const min = Math.max(
      read('minimum', -Infinity),
      whole ? read('exclusiveMinimum', -Infinity) + 1 : -Infinity,
    );
    const max = Math.min(
      read('maximum', Infinity),
      whole ? read('exclusiveMaximum', Infinity) - 1 : Infinity,
    );
    if (min > max) this.#refuse(`minimum ${min} above maximum ${max}`, path, 'no number fits');
    return whole ? jsonInteger(min, max) : jsonNumber(min, max);
  }

  #object(schema: Schema, path: string): Expression {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
    const required = (schema.required ?? []) as readonly string[];
    const undeclared = required.filter((name) => !properties.some(([known]) => known === name));
    if (undeclared.length > 0) {
      this.#refuse(
        `required ${undeclared.join(', ')}, not among properties`,
        path,
        'declare it as a property',
      );
    }
    const open = schema.additionalProperties ?? !('properties' in schema);
    const name = (i: number, comma: boolean) => `${path} members ${i}${comma ? ' more' : ''}`;
    // rule (i, comma): what may come from property i on, after a member or at the beginning
    for (let i = properties.length; i >= 0; i--) {
      for (const comma of [false, true]) {
        const separator = comma ? sequence(this.#inner, literal(','), this.#gap) : empty;
        if (i === properties.length) {
          this.#rules.set(
            name(i, comma),
            open ? this.#additional(open as JsonSchema, properties, comma, path) : empty,
          );
          continue;
        }
        const [key, value] = properties[i]!;
        const pair = this.#pair(
          literal(JSON.stringify(key)),
          this.compile(value, `${path}/properties/${key}`),
        );
        const taken = sequence(separator, pair, rule(name(i + 1, true)));
        const left = rule(name(i + 1, comma));
        this.#rules.set(name(i, comma), required.includes(key) ? taken : choice(taken, left));
      }
    }
    return sequence(literal('{'), this.#inner, rule(name(0, false)), this.#inner, literal('}'));
  }

  #additional(
    value: JsonSchema,
    properties: readonly (readonly [string, unknown])[],
    comma: boolean,
    path: string,
  ) {
    const key = jsonString(this.#rules, otherThan(properties.map(([name]) => name)));
    const pair = this.#pair(key, this.compile(value, `${path}/additionalProperties`));
    const next = sequence(this.#inner, literal(','), this.#gap, pair);
    return comma ? repeat(next, 0) : optional(sequence(pair, repeat(next, 0)));
  }

  #pair(key: Expression, value: Expression): Expression {
    return sequence(key, this.#inner, literal(':'), this.#gap, value);
  }

  #array(schema: Schema, path: string): Expression {
    const prefix = (schema.prefixItems ?? []) as readonly JsonSchema[];
    const items = (schema.items ?? true) as JsonSchema;
    const min = this.#bound(schema, 'minItems', 0, path);
    const max = items === false ? prefix.length : this.#bound(schema, 'maxItems', Infinity, path);
    if (min > max) this.#refuse(`minItems ${min} above the ${max} that are possible`, path, 'no array fits');
    const comma = sequence(this.#inner, literal(','), this.#gap);
    const item = items === false ? empty : this.compile(items, `${path}/items`);
    const firsts = prefix.slice(0, max).map((first, i) => this.compile(first, `${path}/prefixItems/${i}`));
    let content: Expression;
    if (firsts.length === 0) {
      const more = repeat(sequence(comma, item), Math.max(0, min - 1), max - 1);
      content = max === 0 ? empty : min === 0 ? optional(sequence(item, more)) : sequence(item, more);
    } else {
      const rest = max - firsts.length;
      const least = Math.max(0, min - firsts.length);
      content = rest > 0 ? repeat(sequence(comma, item), least, rest) : empty;
      for (let i = firsts.length - 1; i >= 0; i--) {
        const part = sequence(...(i > 0 ? [comma] : []), firsts[i]!, content);
        content = i >= min ? optional(part) : part;
      }
    }
    return sequence(literal('['), this.#inner, content, this.#inner, literal(']'));
  }

  #string(schema: Schema, path: string): Expression {
    const { pattern, format } = schema;
    const known = typeof format === 'string' ? formats[format] : undefined;
    const bounded = 'minLength' in schema || 'maxLength' in schema;
    if ([pattern !== undefined, known !== undefined, bounded].filter(Boolean).length > 1) {
      this.#refuse('pattern, format and length together', path, 'use one of them');
    }
    if (known) return jsonString(this.#rules, regexExpression('json-schema', known).root);
    if (pattern !== undefined) {
      const { root, atStart, atEnd } = regexExpression('json-schema', pattern as string);
      const anything = otherThan([]);
      return jsonString(this.#rules, sequence(atStart ? empty : anything, root, atEnd ? empty : anything));
    }
    const min = this.#bound(schema, 'minLength', 0, path);
    const max = this.#bound(schema, 'maxLength', Infinity, path);
    if (min > max) this.#refuse(`minLength ${min} above maxLength ${max}`, path, 'no string fits');
    return sequence(literal('"'), repeat(jsonCharacter(this.#rules), min, max), literal('"'));
  }

  #reference(ref: unknown, path: string): Expression {
    const name = `ref ${ref}`;
    const target = pointerTarget(this.#document, ref, path);
    if (!this.#rules.has(name)) {
      this.#rules.set(name, empty); // holds the name while the target, which may refer to it, is compiled
      this.#rules.set(name, this.compile(target, String(ref)));
    }
    return rule(name);
  }

  #merge(schema: Schema, path: string): Expression {
    return this.compile(mergeObjects(this.#document, schema, path), `${path}/allOf`);
  }

  #anyValue(): Expression {
    if (!this.#rules.has('value')) {
      this.#rules.set('value', empty);
      const types = Object.keys(keywords).filter((type) => type !== 'integer');
      this.#rules.set('value', choice(...types.map((type) => this.#ofType(type, {}, 'value'))));
    }
    return rule('value');
  }

  #bound(schema: Schema, key: string, otherwise: number, path: string): number {
    const value = schema[key];
    if (value === undefined) return otherwise;
    if (Number.isSafeInteger(value)) return value as number;
    return this.#refuse(`${key} ${JSON.stringify(value)}`, path, 'bounds must be whole numbers');
  }

  #refuse(what: string, path: string, cure: string): never {
    throw new SamplingError('json-schema', `${what} at ${path} cannot be turned into a grammar; ${cure}`, {
      path,
    });
  }
}
