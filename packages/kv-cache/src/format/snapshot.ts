import { checkRange, type LayerSpec, type RowFormat, sizeOf, ValueError } from '@headwise/tensor';
import type { CacheFormat } from '../contract.ts';
import { formatOf } from '../dtype.ts';
import { damaged, mismatch } from './errors.ts';
import type { SectionData, Snapshot, SpecRecord } from './record.ts';

export type { Snapshot } from './record.ts';

/** What a cache must be able to do so that its `save` and `load` are these two functions. */
export interface Persistent {
  readonly kind: string;
  readonly id: string;
  readonly spec: LayerSpec;
  readonly B: number;
  /** In how many bits its rows are kept; undefined for f32. */
  readonly format: CacheFormat | undefined;
  /** Reads everything; all reads are asked for before the first is awaited. */
  snapshot(): Promise<Snapshot>;
  /**
   * Checks a snapshot that `checkSnapshot` has passed, and returns the step that takes it over; that step does
   * not refuse.
   * @throws {CacheFileError} if it does not fit; nothing is changed.
   */
  restore(snapshot: Snapshot): () => void;
}

/** The head of a snapshot of a cache. */
export function describe(
  cache: Persistent & { readonly lengths: readonly number[] },
): Omit<Snapshot, 'state' | 'sections'> {
  const { kind, id, B, lengths, format } = cache;
  const { cap, rows, constant, sinks } = cache.spec;
  const spec: SpecRecord = {
    kind: cache.spec.kind,
    rows,
    cap: Number.isFinite(cap) ? cap : null,
    ...(sinks !== undefined && { sinks }),
    constant,
  };
  return { kind, id, B, lengths, spec, ...(format !== undefined && { format }) };
}

/**
 * @throws {CacheFileError} if a snapshot is of another state, kind, shape, batch or format, or has a section or a number
 * that the cache does not keep.
 */
export function checkSnapshot(cache: Persistent, snapshot: Snapshot): void {
  const refuse = (what: string, theirs: unknown, ours: unknown): never => {
    throw mismatch(`${what} of state ${cache.id}: the file has ${theirs}, this cache has ${ours}`);
  };
  if (snapshot.kind !== cache.kind) refuse('kind', snapshot.kind, cache.kind);
  if (snapshot.id !== cache.id) refuse('the id', snapshot.id, cache.id);
  if (!sameSpec(snapshot.spec, cache.spec))
    refuse('what a token adds', specText(snapshot.spec), specText(cache.spec));
  if (snapshot.B !== cache.B) refuse('sequences', snapshot.B, cache.B);
  const names = Object.keys(cache.spec.rows);
  for (const name of names) {
    const [theirs, ours] = [formatOf(snapshot.format, name), formatOf(cache.format, name)];
    if (theirs !== ours) refuse(`the format of ${name}`, theirs ?? 'f32', ours ?? 'f32');
  }
  const known = [...names, ...Object.keys(cache.spec.constant)];
  for (const { name, data } of snapshot.sections) {
    if (!known.some((own) => name === own || (name.startsWith(own) && packed.has(name.slice(own.length)))))
      throw mismatch(`section ${name} is of nothing that state ${cache.id} keeps`);
    const format = formatOf(cache.format, name);
    if (format) checkHeld(name, data, cache.spec.rows[name]!.at(-1) ?? 1, format);
  }
}

/** A device would refuse the number when it is written, which is too late for the layers before. */
function checkHeld(name: string, data: SectionData, width: number, format: RowFormat): void {
  try {
    checkRange('load', `section ${name}`, data, width, format);
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
    throw mismatch(error.message.replace(/^load: /, ''));
  }
}

/** What a quantized cache appends to the name of a row. */
const packed = new Set(['.codes', '.scales', '.lows']);

/** Everything that two layers must share to hold the same content. */
function sameSpec(a: LayerSpec | SpecRecord, b: LayerSpec | SpecRecord): boolean {
  const window = ({ kind, cap, sinks = 0 }: LayerSpec | SpecRecord): string =>
    kind === 'window' ? `${cap} ${sinks}` : '';
  const shapes = (rows: LayerSpec['rows']): string => JSON.stringify(Object.entries(rows).sort(byName));
  return (
    a.kind === b.kind &&
    window(a) === window(b) &&
    shapes(a.rows) === shapes(b.rows) &&
    shapes(a.constant) === shapes(b.constant)
  );
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}

/** `full, k [2, 4], v [2, 4]`: a spec in an error. */
function specText({ kind, rows, constant, cap, sinks }: LayerSpec | SpecRecord): string {
  const shapes = Object.entries({ ...rows, ...constant })
    .map(([name, shape]) => `${name} [${shape.join(', ')}]`)
    .sort();
  const window = kind === 'window' ? ` of ${cap}${sinks ? ` with ${sinks} sinks` : ''}` : '';
  return [`${kind}${window}`, ...shapes].join(', ');
}

/** The float32 numbers of a section. @throws {CacheFileError} if it is not there or of another size. */
export function floats(snapshot: Snapshot, name: string, length: number): Float32Array {
  const data = snapshot.sections.find((section) => section.name === name)?.data;
  if (data instanceof Float32Array && data.length === length) return data;
  throw damaged(`section ${name} must hold ${length} float32 numbers, it has ${data?.length ?? 'none'}`);
}

/** Tokens, or blocks, of all sequences together. */
export function totalOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The rows `[tokens, ...row]` of a snapshot by name, those of sequence 0 first. @throws {CacheFileError} as `floats`. */
export function hostRows(snapshot: Snapshot, tokens: number): Readonly<Record<string, Float32Array>> {
  return Object.fromEntries(
    Object.entries(snapshot.spec.rows).map(([name, row]) => [
      name,
      floats(snapshot, name, tokens * sizeOf(row)),
    ]),
  );
}

/** Host rows as sections of a file. */
export function sectionsOf(rows: Readonly<Record<string, SectionData>>): Snapshot['sections'] {
  return Object.entries(rows).map(([name, data]) => ({ name, data }));
}

/** @throws {CacheFileError} if the tokens of one of the sequences of a snapshot are more than the cache takes. */
export function checkFits(cache: { readonly id: string }, tokens: readonly number[], capacity: number): void {
  const most = tokens.find((count) => count > capacity);
  if (most === undefined) return;
  throw mismatch(`it holds ${most} tokens of state ${cache.id}, this cache has room for ${capacity}`);
}
