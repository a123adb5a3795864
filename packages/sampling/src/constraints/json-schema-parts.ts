import { SamplingError } from '../errors.ts';
import type { JsonSchema } from './json-schema-compiler.ts';

type Schema = Exclude<JsonSchema, boolean>;

/** What a local reference such as `#/$defs/node` points to. */
export function pointerTarget(document: JsonSchema, ref: unknown, path: string): JsonSchema {
  if (typeof ref !== 'string' || !ref.startsWith('#')) {
    throw new SamplingError(
      'json-schema',
      `$ref ${JSON.stringify(ref)} at ${path} is not local; only "#/…" is followed`,
    );
  }
  let target: unknown = document;
  for (const part of ref.split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    target = (target as Record<string, unknown> | undefined)?.[key];
  }
  if (target === undefined) {
    throw new SamplingError('json-schema', `$ref ${JSON.stringify(ref)} at ${path} points to nothing`, {
      ref,
    });
  }
  return target as JsonSchema;
}

/** `allOf` (and what stands beside it or beside `$ref`) as one object schema. */
export function mergeObjects(document: JsonSchema, schema: Schema, path: string): Schema {
  const { allOf = [], $ref, ...beside } = schema;
  const parts: JsonSchema[] = [...(allOf as JsonSchema[]), beside];
  if ($ref !== undefined) parts.push(pointerTarget(document, $ref, path));
  const merged: Record<string, unknown> = {};
  const refuse = (what: string): never => {
    throw new SamplingError(
      'json-schema',
      `${what} in allOf at ${path} cannot be merged; write one object schema`,
    );
  };
  for (let part of parts) {
    if (typeof part === 'object' && ('$ref' in part || 'allOf' in part))
      part = mergeObjects(document, part, path);
    if (typeof part !== 'object') refuse(String(part));
    for (const [key, value] of Object.entries(part)) {
      if (key === 'required')
        merged.required = [...new Set([...((merged.required as []) ?? []), ...(value as [])])];
      else if (key === 'properties') {
        const known = (merged.properties ?? {}) as Record<string, unknown>;
        const twice = Object.keys(value as object).find((name) => name in known);
        if (twice !== undefined) refuse(`the property ${twice}, which is there twice,`);
        merged.properties = { ...known, ...(value as object) };
      } else if (key in merged && JSON.stringify(merged[key]) !== JSON.stringify(value)) {
        if (['title', 'description', '$comment', 'default', 'examples'].includes(key)) continue;
        refuse(`two different ${key}`);
      } else merged[key] = value;
    }
  }
  return merged;
}

/** Can no value fit two of the schemas? True if that shows in their types, or in a constant each object requires. */
export function areDisjoint(document: JsonSchema, branches: readonly JsonSchema[]): boolean {
  const resolved = branches.map((branch) =>
    typeof branch === 'object' && '$ref' in branch ? pointerTarget(document, branch.$ref, '#') : branch,
  );
  return resolved.every((a, i) => resolved.slice(i + 1).every((b) => differ(a, b)));
}

function differ(a: JsonSchema, b: JsonSchema): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  const [valuesA, valuesB] = [constants(a), constants(b)];
  if (valuesA && valuesB) return !valuesA.some((value) => valuesB.includes(value));
  const [typesA, typesB] = [typesOf(a), typesOf(b)];
  if (typesA && typesB && !typesA.some((type) => typesB.includes(type))) return true;
  const requiredByBoth = ((a.required ?? []) as string[]).filter((key) =>
    ((b.required ?? []) as string[]).includes(key),
  );
  return requiredByBoth.some((key) => {
    const [x, y] = [a, b].map(
      (schema) => (schema.properties as Record<string, JsonSchema> | undefined)?.[key],
    );
    return x !== undefined && y !== undefined && differ(x, y);
  });
}

function constants(schema: Schema): readonly string[] | undefined {
  if ('const' in schema) return [JSON.stringify(schema.const)];
  return Array.isArray(schema.enum) ? schema.enum.map((value) => JSON.stringify(value)) : undefined;
}

/** Types in terms of the values they hold: an integer is a number too. */
function typesOf(schema: Schema): readonly string[] | undefined {
  if (constants(schema)) {
    return constants(schema)!.map((text) => {
      const value: unknown = JSON.parse(text);
      return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    });
  }
  if (schema.type === undefined) return undefined;
  return [schema.type].flat().map((type) => (type === 'integer' ? 'number' : String(type)));
}
