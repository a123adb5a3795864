import { type RowFormat, rowFormats, type StateKind } from '@headwise/tensor';
import type { CacheFormat } from '../contract.ts';
import { damaged } from './errors.ts';
import type { LayerHeader, SectionType, SpecRecord } from './record.ts';

/** Positions are whole numbers of 32 bits on every device. */
const MOST_TOKENS = 2 ** 31 - 1;

/** Bytes of one number of a section. */
export const sectionBytes: Readonly<Record<SectionType, number>> = { f32: 4, i32: 4, u8: 1 };

const kinds: Readonly<Record<StateKind, true>> = {
  full: true,
  window: true,
  latent: true,
  recurrent: true,
  shared: true,
};

type Fields = Readonly<Record<string, unknown>>;

/**
 * The header of a file as one value of which every part is what its type says: its own keys only, whole numbers in
 * their ranges, no name twice. What the parts mean together is for the cache that is to load it.
 *
 * @throws {CacheFileError} naming the first field that is not.
 */
export function readHeader(bytes: Uint8Array): readonly LayerHeader[] {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw damaged('its header cannot be read: it is not JSON in UTF-8');
  }
  const layers = listAt(record(json, 'its header'), 'layers', 'its header');
  return layers.map((layer, i) => readLayer(record(layer, `layers[${i}]`), `layers[${i}]`));
}

function readLayer(fields: Fields, at: string): LayerHeader {
  const id = textAt(fields, 'id', at);
  const B = countAt(fields, 'B', at, 1);
  const format = own(fields, 'format');
  return {
    kind: textAt(fields, 'kind', at),
    id,
    spec: readSpec(record(own(fields, 'spec'), `${at}.spec`), `${at}.spec`),
    B,
    lengths: readLengths(listAt(fields, 'lengths', at), id, B),
    ...(format !== undefined && { format: readFormat(format, `${at}.format`) }),
    state: record(own(fields, 'state'), `${at}.state`),
    sections: readSections(listAt(fields, 'sections', at), `${at}.sections`),
  };
}

function readLengths(lengths: readonly unknown[], id: string, B: number): readonly number[] {
  if (lengths.length !== B) throw damaged(`the lengths of state ${id} are not those of ${B} sequences`);
  return lengths.map((length, b) => {
    if (isCount(length, 0, MOST_TOKENS)) return length;
    throw damaged(
      `it holds ${shown(length)} tokens of sequence ${b} of state ${id}, which must be a whole number from 0 to ${MOST_TOKENS}`,
    );
  });
}

function readSpec(fields: Fields, at: string): SpecRecord {
  const kind = textAt(fields, 'kind', at);
  if (!Object.hasOwn(kinds, kind))
    throw damaged(`${at}.kind must be one of ${Object.keys(kinds).join(', ')}, it is ${shown(kind)}`);
  const cap = own(fields, 'cap');
  const sinks = own(fields, 'sinks');
  return {
    kind: kind as StateKind,
    rows: readShapes(own(fields, 'rows'), `${at}.rows`),
    cap: cap === null ? null : countAt(fields, 'cap', at, 1),
    ...(sinks !== undefined && { sinks: countAt(fields, 'sinks', at, 0) }),
    constant: readShapes(own(fields, 'constant'), `${at}.constant`),
  };
}

function readShapes(value: unknown, at: string): Readonly<Record<string, readonly number[]>> {
  const shapes = Object.entries(record(value, at)).map(([name, shape]) => {
    if (!Array.isArray(shape) || !shape.every((size) => isCount(size, 1)))
      throw damaged(`${at}.${name} must be a list of whole numbers ≥ 1, it is ${shown(shape)}`);
    return [name, shape] as const;
  });
  return Object.fromEntries(shapes);
}

function readFormat(value: unknown, at: string): CacheFormat {
  const one = (format: unknown, where: string): RowFormat => {
    if ((rowFormats as readonly unknown[]).includes(format)) return format as RowFormat;
    throw damaged(`${where} must be one of ${rowFormats.join(', ')}, it is ${shown(format)}`);
  };
  if (typeof value === 'string') return one(value, at);
  const named = Object.entries(record(value, at)).map(([name, format]) => [
    name,
    one(format, `${at}.${name}`),
  ]);
  return Object.fromEntries(named);
}

function readSections(list: readonly unknown[], at: string): LayerHeader['sections'] {
  const names = new Set<string>();
  return list.map((section, i) => {
    const fields = record(section, `${at}[${i}]`);
    const name = textAt(fields, 'name', `${at}[${i}]`);
    const dtype = textAt(fields, 'dtype', `${at}[${i}]`);
    if (names.has(name)) throw damaged(`${at} must name each section once, ${shown(name)} stands twice`);
    if (!Object.hasOwn(sectionBytes, dtype))
      throw damaged(`${at}[${i}].dtype must be one of f32, i32, u8, it is ${shown(dtype)}`);
    names.add(name);
    return { name, dtype: dtype as SectionType, length: countAt(fields, 'length', `${at}[${i}]`, 0) };
  });
}

/** A field of the object itself: not one that every object inherits. */
function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function record(value: unknown, at: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw damaged(`${at} must be an object, it is ${shown(value)}`);
}

function listAt(fields: Fields, key: string, at: string): readonly unknown[] {
  const value = own(fields, key);
  if (Array.isArray(value)) return value;
  throw damaged(`${at}.${key} must be a list, it is ${shown(value)}`);
}

function textAt(fields: Fields, key: string, at: string): string {
  const value = own(fields, key);
  if (typeof value === 'string') return value;
  throw damaged(`${at}.${key} must be a text, it is ${shown(value)}`);
}

function countAt(fields: Fields, key: string, at: string, least: number): number {
  const value = own(fields, key);
  if (isCount(value, least)) return value;
  throw damaged(`${at}.${key} must be a whole number ≥ ${least}, it is ${shown(value)}`);
}

/** Whether a value of a file is a whole number in a range, and exact. */
export function isCount(value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** A value of a file in an error: whole where it is short, its kind where it is not a plain value. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value.length > 200 ? `${value.slice(0, 200)}…` : value}"`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
