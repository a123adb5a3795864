import { type LayerSpec, sizeOf } from '@headwise/tensor';
import { CacheFileError } from './errors.ts';

/** Host numbers of a section. */
export type SectionData = Float32Array | Int32Array | Uint8Array;

/** A spec in JSON, where `cap: null` stands for no cap. */
export type SpecRecord = Omit<LayerSpec, 'cap'> & { readonly cap: number | null };

/** One state in a file: what it is and its numbers. */
export interface Snapshot {
  /** Kind of the cache that wrote it. */
  readonly kind: string;
  readonly id: string;
  readonly spec: SpecRecord;
  readonly B: number;
  /** Of each sequence. */
  readonly lengths: readonly number[];
  /** Bookkeeping of the kind, in JSON. */
  readonly state: Readonly<Record<string, unknown>>;
  readonly sections: readonly { readonly name: string; readonly data: SectionData }[];
}

/** One state in the header: the snapshot with the sizes of its sections in place of their numbers. */
export type LayerHeader = Omit<Snapshot, 'sections'> & {
  readonly sections: readonly {
    readonly name: string;
    readonly dtype: 'f32' | 'i32' | 'u8';
    readonly length: number;
  }[];
};

/** What a cache must be able to do so that its `save` and `load` are these two functions. */
export interface Persistent {
  readonly kind: string;
  readonly id: string;
  readonly spec: LayerSpec;
  readonly B: number;
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
  const { kind, id, spec, B, lengths } = cache;
  return { kind, id, B, lengths, spec: { ...spec, cap: Number.isFinite(spec.cap) ? spec.cap : null } };
}

/** @throws {CacheFileError} if a snapshot is of another kind, of other shapes or of another batch. */
export function checkSnapshot(cache: Persistent, snapshot: Snapshot): void {
  const refuse = (what: string, theirs: unknown, ours: unknown): never => {
    throw new CacheFileError(
      'mismatch',
      `${what} of state ${cache.id}: the file has ${theirs}, this cache has ${ours}`,
    );
  };
  if (snapshot.kind !== cache.kind) refuse('kind', snapshot.kind, cache.kind);
  const theirs = specText(snapshot.spec);
  const ours = specText(cache.spec);
  if (theirs !== ours) refuse('what a token adds', theirs, ours);
  if (snapshot.B !== cache.B) refuse('sequences', snapshot.B, cache.B);
  if (!isNumbers(snapshot.lengths, cache.B)) {
    throw new CacheFileError(
      'damaged',
      `the lengths of state ${cache.id} are not those of ${cache.B} sequences`,
    );
  }
}

/** `full, k [2, 4], v [2, 4]`: everything that two layers must share to hold the same content. */
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
  throw new CacheFileError(
    'damaged',
    `section ${name} must hold ${length} float32 numbers, it has ${data?.length ?? 'none'}`,
  );
}

/** A whole number ≥ 0 of each sequence. @throws {CacheFileError} if the bookkeeping does not have them. */
export function numbersOf({ state, B }: Snapshot, name: string): readonly number[] {
  const numbers = state[name];
  if (isNumbers(numbers, B)) return numbers;
  throw new CacheFileError('damaged', `its ${name} is not a whole number for each of ${B} sequences`);
}

function isNumbers(value: unknown, B: number): value is readonly number[] {
  return Array.isArray(value) && value.length === B && value.every((n) => Number.isInteger(n) && n >= 0);
}

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
  throw new CacheFileError(
    'mismatch',
    `it holds ${most} tokens of state ${cache.id}, this cache has room for ${capacity}`,
  );
}
