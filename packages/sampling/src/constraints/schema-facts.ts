import { SamplingError, show } from '../errors.ts';
import { clip } from './clip.ts';
import { formatNames } from './formats.ts';
import { below, checkSchema, type JsonSchema, keywordOf, type Place, refuse } from './schema-document.ts';

/** The types of JSON's values. Whole numbers are numbers. */
export type Kind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

export const kinds: readonly Kind[] = ['object', 'array', 'string', 'number', 'boolean', 'null'];

/** What one schema object itself asserts, read and checked. Keywords that say nothing are not there. */
export interface Facts {
  readonly path: string;
  readonly types: ReadonlySet<Kind>;
  /** `type` allows whole numbers and no others. */
  readonly whole: boolean;
  /** Of `const` and `enum`, by a text that equal values share. */
  readonly values: ReadonlyMap<string, unknown> | undefined;
  /** Schemas that hold as well: those of `allOf`, and of `$ref` by what it means. */
  readonly also: readonly Place[];
  readonly ref: unknown;
  /** Branches of which one must hold, and no two may if `exactly`. */
  readonly branches: readonly Branches[];
  readonly number: {
    readonly min: number;
    readonly above: number;
    readonly max: number;
    readonly under: number;
  };
  readonly string: {
    readonly min: number;
    readonly max: number;
    readonly pattern: string | undefined;
    readonly format: string | undefined;
  };
  readonly array: {
    readonly prefix: readonly Place[];
    readonly rest: Place | undefined;
    readonly min: number;
    readonly max: number;
  };
  readonly object: {
    readonly properties: ReadonlyMap<string, Place>;
    readonly patterns: ReadonlyMap<string, Place>;
    readonly others: Place | undefined;
    readonly required: readonly string[];
    readonly names: Place | undefined;
    readonly min: number;
    readonly max: number;
  };
  /** Keywords that have no grammar and restrict values of one type only. */
  readonly unsupported: readonly { readonly keyword: string; readonly kind: Kind }[];
}

export interface Branches {
  readonly keyword: 'anyOf' | 'oneOf';
  readonly path: string;
  readonly places: readonly Place[];
}

const annotations = new Set(
  (
    '$schema $id $comment $defs definitions $anchor $dynamicAnchor $vocabulary title description default examples ' +
    'deprecated readOnly writeOnly contentEncoding contentMediaType contentSchema'
  ).split(' '),
);
const understood = new Set(
  (
    'type enum const $ref allOf anyOf oneOf not minimum exclusiveMinimum maximum exclusiveMaximum minLength ' +
    'maxLength pattern format prefixItems items minItems maxItems properties patternProperties ' +
    'additionalProperties required propertyNames minProperties maxProperties'
  ).split(' '),
);
/** Keywords that are refused where values of a type are possible, and what they say when they say nothing. */
const unsupported: readonly (readonly [keyword: string, kind: Kind, silent: (value: unknown) => boolean])[] =
  [
    ['multipleOf', 'number', () => false],
    ['uniqueItems', 'array', (value) => value === false],
    ['contains', 'array', () => false],
    ['unevaluatedItems', 'array', (value) => value === true],
    ['dependentSchemas', 'object', isEmptyObject],
    ['dependentRequired', 'object', isEmptyObject],
    ['unevaluatedProperties', 'object', (value) => value === true],
  ];
/** Keywords that say nothing without another, which is refused. */
const dependent: readonly string[] = ['then', 'else', 'minContains', 'maxContains'];

const everywhere: Omit<Facts, 'path'> = {
  types: new Set(kinds),
  whole: false,
  values: undefined,
  also: [],
  ref: undefined,
  branches: [],
  number: { min: -Infinity, above: -Infinity, max: Infinity, under: Infinity },
  string: { min: 0, max: Infinity, pattern: undefined, format: undefined },
  array: { prefix: [], rest: undefined, min: 0, max: Infinity },
  object: {
    properties: new Map(),
    patterns: new Map(),
    others: undefined,
    required: [],
    names: undefined,
    min: 0,
    max: Infinity,
  },
  unsupported: [],
};

/** What a schema object asserts. @throws {SamplingError} if a keyword is malformed or has no grammar. */
export function readFacts(schema: Exclude<JsonSchema, boolean>, path: string): Facts {
  const reader = new Reader(schema, path);
  reader.checkKeywords();
  return {
    path,
    ...reader.types(),
    values: reader.values(),
    also: reader.schemas('allOf'),
    ref: reader.get('$ref'),
    branches: (['anyOf', 'oneOf'] as const)
      .filter((keyword) => reader.get(keyword) !== undefined)
      .map((keyword) => ({ keyword, path, places: reader.schemas(keyword) })),
    number: {
      min: reader.number('minimum', -Infinity),
      above: reader.number('exclusiveMinimum', -Infinity),
      max: reader.number('maximum', Infinity),
      under: reader.number('exclusiveMaximum', Infinity),
    },
    string: {
      min: reader.count('minLength', 0),
      max: reader.count('maxLength', Infinity),
      pattern: reader.text('pattern'),
      format: reader.format(),
    },
    array: {
      prefix: reader.schemas('prefixItems'),
      rest: reader.schema('items'),
      min: reader.count('minItems', 0),
      max: reader.count('maxItems', Infinity),
    },
    object: {
      properties: reader.named('properties'),
      patterns: reader.named('patternProperties'),
      others: reader.schema('additionalProperties'),
      required: reader.names('required'),
      names: reader.schema('propertyNames'),
      min: reader.count('minProperties', 0),
      max: reader.count('maxProperties', Infinity),
    },
    unsupported: reader.unsupported(),
  };
}

/** The schema `false` as facts: no type is possible. */
export function factsOfNothing(path: string): Facts {
  return { ...everywhere, path, types: new Set() };
}

/** What is equal to a list or an object: each item or property is, and there are no more. */
export function factsOfValue(value: object, path: string): Facts {
  const equal = (item: unknown, key: string | number): Place => ({
    schema: { const: item },
    path: below(path, key),
  });
  if (Array.isArray(value)) {
    const array = {
      prefix: value.map(equal),
      rest: { schema: false, path },
      min: value.length,
      max: value.length,
    };
    return { ...everywhere, path, types: new Set(['array']), array };
  }
  const entries = Object.entries(value);
  const object = {
    ...everywhere.object,
    properties: new Map(entries.map(([key, item]) => [key, equal(item, key)])),
    others: { schema: false, path },
    required: entries.map(([key]) => key),
  };
  return { ...everywhere, path, types: new Set(['object']), object };
}

/** A text that two JSON values share exactly if they are equal. @throws {SamplingError} if it is no JSON value. */
export function canonical(value: unknown, path: string): string {
  const fail = (problem: string): never => refuse(problem, path, 'write a JSON value');
  const open: object[] = [];
  const write = (at: unknown): string => {
    if (at === null || typeof at === 'boolean') return String(at);
    if (typeof at === 'string') return JSON.stringify(checkText(at, path));
    if (typeof at === 'number') return Number.isFinite(at) ? String(at) : fail(`the value ${at}`);
    if (typeof at !== 'object') return fail(`a value of type ${typeof at}`);
    const prototype = Object.getPrototypeOf(at);
    if (open.includes(at)) fail('a value that contains itself');
    if (open.length > 200) fail('a value nested more than 200 deep');
    open.push(at);
    let text: string;
    if (Array.isArray(at)) text = `[${Array.from(at, write).join(',')}]`;
    else if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
      text = fail(`a value that is a ${prototype.constructor?.name ?? 'class'}`);
    else {
      const keys = Object.keys(at).sort();
      text = `{${keys.map((key) => `${JSON.stringify(checkText(key, path))}:${write((at as Record<string, unknown>)[key])}`).join(',')}}`;
    }
    open.pop();
    return text;
  };
  return write(value);
}

/** @throws {SamplingError} if the text has half a surrogate pair, which no UTF-8 can write. */
export function checkText(text: string, path: string): string {
  if (/\p{Surrogate}/u.test(text))
    refuse(`half a surrogate pair in ${JSON.stringify(text)}`, path, 'strings are whole characters');
  return text;
}

/** Does a schema say more than where it is and what it refers to? */
export function statesBesideRef(schema: Exclude<JsonSchema, boolean>): string | undefined {
  return Object.keys(schema).find((key) => key !== '$ref' && !annotations.has(key));
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** Reads the keywords of one schema object. */
class Reader {
  readonly #schema: Exclude<JsonSchema, boolean>;
  readonly #path: string;

  constructor(schema: Exclude<JsonSchema, boolean>, path: string) {
    this.#schema = schema;
    this.#path = path;
  }

  get(key: string): unknown {
    return keywordOf(this.#schema, key);
  }

  checkKeywords(): void {
    const known = new Set([...annotations, ...understood, ...unsupported.map(([key]) => key), ...dependent]);
    const other = Object.keys(this.#schema).find((key) => !known.has(key) && this.get(key) !== undefined);
    if (other !== undefined)
      refuse(other, this.#path, `the keywords that restrict are ${[...understood].join(', ')}`);
    if (this.#path !== '#' && this.get('$id') !== undefined)
      refuse('$id', this.#path, 'only the whole document has one; refer to "#/…" or a $anchor');
  }

  types(): Pick<Facts, 'types' | 'whole'> {
    const type = this.get('type');
    const never = this.#isNever();
    if (type === undefined) return { types: never ? new Set() : everywhere.types, whole: false };
    const names = Array.isArray(type) ? type : [type];
    if (names.length === 0) refuse('an empty type', this.#path, 'name at least one');
    const found = new Set<Kind>();
    for (const name of names) {
      const kind = name === 'integer' ? 'number' : kinds.find((other) => other === name);
      if (!kind) {
        const shown = typeof name === 'string' ? JSON.stringify(name) : show(name);
        refuse(`type ${shown}`, this.#path, `types are ${[...kinds, 'integer'].join(', ')}`);
      }
      found.add(kind);
    }
    return {
      types: never ? new Set() : found,
      whole: names.includes('integer') && !names.includes('number'),
    };
  }

  /** `not` has no grammar, but for the two that say everything or nothing. */
  #isNever(): boolean {
    const not = this.get('not');
    if (not === undefined || not === false) return false;
    if (not === true || isEmptyObject(not)) return true;
    return refuse('not', this.#path, 'say what is allowed instead');
  }

  values(): ReadonlyMap<string, unknown> | undefined {
    const given = this.get('enum');
    const only = this.get('const');
    if (given !== undefined && (!Array.isArray(given) || given.length === 0))
      refuse('an empty enum', this.#path, 'give it a list');
    if (given === undefined && only === undefined) return undefined;
    const read = (values: readonly unknown[], key: string) =>
      new Map(values.map((value) => [canonical(value, below(this.#path, key)), value] as const));
    const one = only === undefined ? undefined : read([only], 'const');
    if (given === undefined) return one;
    const many = read(given as readonly unknown[], 'enum');
    return one ? new Map([...many].filter(([text]) => one.has(text))) : many;
  }

  number(key: string, otherwise: number): number {
    const value = this.get(key);
    if (value === undefined) return otherwise;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return refuse(`${key} ${show(value)}`, this.#path, 'a bound is a finite number');
  }

  count(key: string, otherwise: number): number {
    const value = this.get(key);
    if (value === undefined) return otherwise;
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    return refuse(`${key} ${show(value)}`, this.#path, 'a count is a whole number ≥ 0 and below 2^53');
  }

  text(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === 'string') return value;
    return refuse(`${key} ${show(value)}`, this.#path, `${key} is a text`);
  }

  /** Refused even where no string is possible: other programs know formats of numbers. */
  format(): string | undefined {
    const format = this.text('format');
    if (format !== undefined && !formatNames.includes(format))
      refuse(`format ${JSON.stringify(format)}`, this.#path, `formats are ${formatNames.join(', ')}`);
    return format;
  }

  names(key: string): readonly string[] {
    const value = this.get(key);
    if (value === undefined) return [];
    if (!Array.isArray(value) || !value.every((name) => typeof name === 'string'))
      refuse(`${key} ${show(value)}`, this.#path, `${key} is a list of names`);
    for (const name of value) checkText(name, below(this.#path, key));
    return [...new Set(value as string[])];
  }

  schema(key: string): Place | undefined {
    const schema = this.get(key);
    if (schema === undefined) return undefined;
    const path = below(this.#path, key);
    if (key === 'items' && Array.isArray(schema))
      refuse('items as a list', this.#path, 'since 2020-12 that is prefixItems');
    checkSchema(schema, path);
    return { schema, path };
  }

  schemas(key: string): readonly Place[] {
    const list = this.get(key);
    if (list === undefined) return [];
    if (!Array.isArray(list) || list.length === 0) refuse(`an empty ${key}`, this.#path, 'give it a list');
    return Array.from(list, (schema, i) => {
      const path = below(this.#path, key, i);
      checkSchema(schema, path);
      return { schema, path };
    });
  }

  named(key: string): ReadonlyMap<string, Place> {
    const map = this.get(key);
    if (map === undefined) return new Map();
    if (typeof map !== 'object' || map === null || Array.isArray(map)) {
      throw new SamplingError(
        'json-schema',
        `${key} at ${clip(this.#path)} must be an object of schemas, got ${clip(show(map))}`,
        { path: this.#path },
      );
    }
    return new Map(
      Object.entries(map).map(([name, schema]) => {
        const path = below(this.#path, key, name);
        checkText(name, path);
        checkSchema(schema, path);
        return [name, { schema, path }];
      }),
    );
  }

  unsupported(): Facts['unsupported'] {
    if (this.get('if') !== undefined) refuse('if', this.#path, 'use anyOf with whole branches');
    if (this.get('$dynamicRef') !== undefined)
      refuse('$dynamicRef', this.#path, 'use $ref, whose target does not depend on the way to it');
    return unsupported
      .filter(([key, , silent]) => this.get(key) !== undefined && !silent(this.get(key)))
      .map(([keyword, kind]) => ({ keyword, kind }));
  }
}
