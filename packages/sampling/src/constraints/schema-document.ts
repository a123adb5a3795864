import { SamplingError, show } from '../errors.ts';
import { clip } from './clip.ts';

/** A JSON schema as data; `true` is any value. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** A schema and where it stands, as a JSON pointer. */
export interface Place {
  readonly schema: JsonSchema;
  readonly path: string;
}

/** Refuses a schema by the name and place of what has no grammar. */
export function refuse(what: string, path: string, cure: string): never {
  throw new SamplingError(
    'json-schema',
    `${clip(what)} at ${clip(path)} cannot be turned into a grammar; ${clip(cure)}`,
    { path },
  );
}

/** The place of a key below another, as a pointer writes it. */
export function below(path: string, ...keys: readonly (string | number)[]): string {
  // added up rather than joined: a deep schema has long paths, which are put together only for an error
  return keys.reduce<string>(
    (at, key) => `${at}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    path,
  );
}

/** A keyword of a schema: its own, and not one that every object has. */
export function keywordOf(schema: object, key: string): unknown {
  return Object.hasOwn(schema, key) ? (schema as Record<string, unknown>)[key] : undefined;
}

/** @throws {SamplingError} unless it is a boolean or an object. */
export function checkSchema(schema: unknown, path: string): asserts schema is JsonSchema {
  if (typeof schema === 'boolean') return;
  if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return;
  throw new SamplingError(
    'json-schema',
    `the schema at ${clip(path)} must be an object or a boolean, got ${clip(show(schema))}`,
    { path },
  );
}

/** Keywords that hold one schema, a list of schemas, or schemas by name: where an anchor may stand. */
const single = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
const lists = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const maps = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'];

/** A whole schema document: finds what references in it mean. */
export class SchemaDocument {
  readonly root: JsonSchema;
  /** Up to draft 7 what stands beside a `$ref` is passed over; the document says that it is of such a draft. */
  readonly refStandsAlone: boolean;
  #anchors: Map<string, Place> | undefined;

  constructor(root: JsonSchema) {
    this.root = root;
    const dialect = typeof root === 'object' ? keywordOf(root, '$schema') : undefined;
    this.refStandsAlone = typeof dialect === 'string' && /json-schema\.org\/draft-0[3-7]\//.test(dialect);
  }

  /**
   * What a local reference such as `#/$defs/node` or `#node` means.
   *
   * @throws {SamplingError} if it is not local, cannot be decoded, or means nothing here.
   */
  resolve(ref: unknown, path: string): Place {
    const name = `$ref ${clip(show(ref))} at ${clip(path)}`;
    const fail = (problem: string): never => {
      throw new SamplingError('json-schema', `${name} ${clip(problem)}`, { ref, path });
    };
    if (typeof ref !== 'string' || !ref.startsWith('#'))
      return fail('is not local; only "#", "#/…" and "#anchor" are followed');
    let fragment = '';
    try {
      fragment = decodeURIComponent(ref.slice(1));
    } catch {
      fail('is not percent-encoded UTF-8; write % as %25');
    }
    if (fragment === '') return { schema: this.root, path: '#' };
    if (!fragment.startsWith('/')) {
      return this.#anchor(fragment) ?? fail(`points to nothing: no schema has the $anchor "${fragment}"`);
    }
    let target: unknown = this.root;
    for (const part of fragment.slice(1).split('/')) {
      if (/~(?![01])/.test(part)) fail('has a ~ that is neither ~0 nor ~1');
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const known = typeof target === 'object' && target !== null && Object.hasOwn(target, key);
      if (!known || (Array.isArray(target) && !/^(0|[1-9]\d*)$/.test(key))) fail('points to nothing');
      target = (target as Record<string, unknown>)[key];
    }
    checkSchema(target, ref);
    return { schema: target, path: ref };
  }

  #anchor(name: string): Place | undefined {
    this.#anchors ??= findAnchors(this.root);
    return this.#anchors.get(name);
  }
}

function findAnchors(root: JsonSchema): Map<string, Place> {
  const found = new Map<string, Place>();
  const seen = new Set<unknown>();
  const open: { readonly schema: unknown; readonly path: string }[] = [{ schema: root, path: '#' }];
  for (let at = open.pop(); at; at = open.pop()) {
    const { schema, path } = at;
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema) || seen.has(schema)) continue;
    seen.add(schema);
    // names below another $id are of another document
    if (schema !== root && keywordOf(schema, '$id') !== undefined) continue;
    for (const key of ['$anchor', '$dynamicAnchor']) {
      const name = keywordOf(schema, key);
      if (typeof name !== 'string') continue;
      const other = found.get(name);
      if (other && other.schema !== schema) refuse(`${key} "${name}"`, path, `it is at ${other.path}, too`);
      found.set(name, { schema: schema as JsonSchema, path });
    }
    for (const key of single) open.push({ schema: keywordOf(schema, key), path: below(path, key) });
    for (const key of [...lists, ...maps]) {
      const inside = keywordOf(schema, key);
      if (typeof inside !== 'object' || inside === null) continue;
      for (const [name, value] of Object.entries(inside))
        open.push({ schema: value, path: below(path, key, name) });
    }
  }
  return found;
}
