import type { ByteSource, GgufMetadata, GgufValue } from '../checkpoint.ts';
import { FormatError } from '../errors.ts';
import { fresh, giveBack } from '../sources/fresh.ts';
import { blockTypes, isBlockType } from './gguf-blocks.ts';
import { GgufTexts } from './gguf-texts.ts';
import { checkDownloaded } from './json.ts';

const FORMAT = 'GGUF';
/** `GGUF`, little-endian. */
const MAGIC = 0x46554747;
/** What is read of a file at first; most headers of small vocabularies fit. */
const FIRST_BYTES = 2 ** 20;
const MOST_AXES = 4;
const MOST_NESTING = 4;
const DEFAULT_ALIGNMENT = 32;
/** A longer list of texts is cut when it is read. */
const SHORT_LIST = 1000;

/** A tensor of a GGUF file, under its own name. */
export interface GgufTensor {
  /** `F32`, `Q4_K`, … */
  readonly dtype: string;
  /** Row-major: GGUF stores the sizes the other way round. */
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly start: number;
  readonly bytes: number;
}

/** What a GGUF file says before its data. */
export interface Gguf {
  readonly version: number;
  readonly metadata: GgufMetadata;
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Where the data begin, and those of them that were read with the header. */
  readonly data: { readonly start: number; readonly bytes: Uint8Array };
  /** Of each tensor that ends beyond the file, where it does. */
  readonly cut: readonly string[];
}

type Unplaced = Omit<GgufTensor, 'start'> & { readonly offset: number };

/** Every type there is or was, by its number; those without bytes are known by name only. */
const types: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  30: 'BF16',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};
const plainBytes: Readonly<Record<string, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  I8: 1,
  I16: 2,
  I32: 4,
  I64: 8,
};
const readable = [...Object.keys(plainBytes), ...Object.keys(blockTypes)].join(' ');

/**
 * Reads what a GGUF file of version 2 or 3 says before its data, strictly: every count is held against the bytes that
 * are there before anything is allocated for it, no name stands twice, and the data of each tensor follow those of the
 * one before, aligned, to the end of the file. Those that end beyond it are noted, since what else is wrong is known only
 * with the model.
 *
 * @throws {FormatError} naming the key or tensor and both values.
 * @throws the reason of the signal once it is aborted.
 * @see {@link https://github.com/ggml-org/ggml/blob/master/docs/gguf.md}
 */
export async function readGguf(source: ByteSource, signal?: AbortSignal): Promise<Gguf> {
  const cursor = new Cursor(source, signal);
  const version = await cursor.entry(readVersion);
  const [tensorCount, keyCount] = await cursor.entry(() => [
    cursor.count('tensor_count', 24),
    cursor.count('metadata_kv_count', 13),
  ]);
  const metadata = new Map<string, GgufValue>();
  for (let n = 0; n < keyCount!; n++) {
    const [key, value] = await cursor.entry(() => {
      const name = cursor.text(`the name of metadata ${n}`);
      if (metadata.has(name)) throw new FormatError(FORMAT, `metadata "${name}" stands twice`);
      return [name, cursor.value(`metadata "${name}"`)] as const;
    });
    metadata.set(key, value);
  }
  const alignment = alignmentOf(metadata);
  const tensors = new Map<string, Unplaced>();
  for (let n = 0; n < tensorCount!; n++) {
    const [name, tensor] = await cursor.entry(() => {
      const own = cursor.text(`the name of tensor ${n}`);
      if (tensors.has(own)) throw new FormatError(FORMAT, `tensor "${own}" stands twice`);
      return [own, readTensor(cursor, own, alignment)] as const;
    });
    tensors.set(name, tensor);
  }
  const start = Math.ceil(cursor.at / alignment) * alignment;
  const data = { start, bytes: cursor.end(start) };
  return { version, metadata, ...placed(tensors, start, cursor.size, alignment), data };
}

function readVersion(cursor: Cursor): number {
  if (cursor.size < 8) throw new FormatError(FORMAT, `truncated: ${cursor.size} bytes`);
  cursor.checkDownloaded();
  const magic = cursor.u32('the magic number');
  if (magic !== MAGIC)
    throw new FormatError(FORMAT, `it does not begin with GGUF, but with 0x${magic.toString(16)}`);
  const version = cursor.u32('the version');
  if (version === 2 || version === 3) return version;
  const swapped = version !== 0 && version % 2 ** 16 === 0;
  throw new FormatError(
    FORMAT,
    swapped
      ? 'it is big-endian; only little-endian files can be read'
      : `version ${version} cannot be read, only 2 and 3`,
  );
}

function alignmentOf(metadata: GgufMetadata): number {
  const value = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (typeof value === 'number' && value >= 1 && value <= 2 ** 30 && Number.isInteger(Math.log2(value)))
    return value;
  throw new FormatError(
    FORMAT,
    `general.alignment must be a power of two, it is ${String(value).slice(0, 40)}`,
  );
}

function readTensor(cursor: Cursor, name: string, alignment: number): Unplaced {
  const bad = (problem: string): FormatError => new FormatError(FORMAT, `tensor "${name}" ${problem}`);
  const axes = cursor.u32(`the axes of "${name}"`);
  if (axes > MOST_AXES) throw bad(`has ${axes} axes, at most ${MOST_AXES} are allowed`);
  const sizes = Array.from({ length: axes }, () => cursor.u64(`the shape of "${name}"`));
  const number = cursor.u32(`the type of "${name}"`);
  const dtype = Object.hasOwn(types, number) ? types[number]! : undefined;
  if (dtype === undefined) throw bad(`is of type ${number}, which does not exist`);
  const block = isBlockType(dtype) ? blockTypes[dtype] : { size: 1, bytes: plainBytes[dtype] };
  if (block.bytes === undefined)
    throw bad(`is of type ${dtype}, which cannot be read; those that can are ${readable}`);
  const offset = cursor.u64(`the offset of "${name}"`);
  const count = sizes.reduce((product, size) => product * size, 1n);
  const row = sizes[0] ?? 1n;
  if (row % BigInt(block.size) !== 0n)
    throw bad(`has rows of ${row} numbers, ${dtype} needs whole blocks of ${block.size}`);
  const bytes = (count / BigInt(block.size)) * BigInt(block.bytes);
  if (bytes > BigInt(cursor.size))
    throw bad(
      `[${sizes.reverse().join(', ')}] in ${dtype} takes ${bytes} bytes, the whole file has ${cursor.size}`,
    );
  if (offset % BigInt(alignment) !== 0n)
    throw bad(`begins at offset ${offset}, which is no multiple of ${alignment}`);
  return { dtype, shape: sizes.reverse().map(Number), bytes: Number(bytes), offset: Number(offset) };
}

/** Where the data of each tensor stand, one behind the other. */
function placed(
  tensors: ReadonlyMap<string, Unplaced>,
  first: number,
  size: number,
  alignment: number,
): Pick<Gguf, 'tensors' | 'cut'> {
  const aligned = (at: number): number => Math.ceil(at / alignment) * alignment;
  const beyondEnd: string[] = [];
  let expected = 0;
  let before = 'the header';
  for (const [name, { offset, bytes }] of [...tensors].sort(
    ([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes,
  )) {
    const end = first + offset + bytes;
    if (offset !== expected)
      throw new FormatError(
        FORMAT,
        `tensor "${name}" begins at offset ${offset}, behind ${before} it must be ${expected}: ${offset < expected ? 'two share bytes' : 'bytes between belong to none'}`,
      );
    if (end > size)
      beyondEnd.push(`tensor "${name}" ends at byte ${end}, the file has ${size}: it is truncated`);
    expected = aligned(offset + bytes);
    before = `"${name}"`;
  }
  const left = size - first - expected;
  if (tensors.size > 0 && left > 0)
    throw new FormatError(FORMAT, `${left} bytes after the last tensor belong to none`);
  const placed = [...tensors].map(([name, { offset, ...rest }]): [string, GgufTensor] => [
    name,
    { ...rest, start: first + offset },
  ]);
  return { tensors: new Map(placed), cut: beyondEnd };
}

/** Thrown where the header goes on beyond the bytes that have been read. */
const beyond = new Error('more bytes are needed');

const kinds = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'text',
  'list',
  'u64',
  'i64',
  'f64',
] as const;
/** Least bytes of a value of each kind. */
const least = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];
const arrays = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f64: Float64Array,
};
type ArrayKind = keyof typeof arrays;

/** Reads values one after the other, none of them beyond the file, and no byte of the file twice. */
class Cursor {
  at = 0;
  /** Of the whole file. */
  readonly size: number;
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  constructor(source: ByteSource, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
    this.size = source.size;
  }

  /** What `read` makes of the next bytes; it begins again where they have not been read. */
  async entry<Result>(read: (cursor: Cursor) => Result): Promise<Result> {
    for (;;) {
      const start = this.at;
      try {
        return read(this);
      } catch (error) {
        if (error !== beyond) throw error;
        this.at = start;
        await this.#more();
      }
    }
  }

  /** A copy of what was read from a place on, which is all that is kept. */
  end(start: number): Uint8Array {
    const rest = this.#bytes.slice(start);
    giveBack(this.#bytes);
    this.#bytes = rest;
    return rest;
  }

  /** Twice as many bytes as there are. */
  async #more(): Promise<void> {
    const have = this.#bytes.length;
    const end = Math.min(Math.max(FIRST_BYTES, 2 * have), this.size);
    const more = await this.#source.read(have, end, this.#signal);
    const all = fresh(new Uint8Array(end));
    all.set(this.#bytes);
    all.set(more, have);
    // megabytes that the garbage collector may not come by for long after the model is there
    giveBack(more);
    giveBack(this.#bytes);
    this.#bytes = all;
    this.#view = new DataView(all.buffer);
  }

  /** @throws {FormatError} if the file itself is not there. */
  checkDownloaded(): void {
    checkDownloaded(this.#bytes, FORMAT);
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#step(4, what), true);
  }

  u64(what: string): bigint {
    return this.#view.getBigUint64(this.#step(8, what), true);
  }

  /** A count of things that take at least so many bytes each. */
  count(what: string, bytesEach: number): number {
    const count = this.u64(what);
    const left = this.size - this.at;
    if (count * BigInt(bytesEach) > BigInt(left))
      throw new FormatError(
        FORMAT,
        `${what} ${count} cannot be: ${left} bytes are left, each takes at least ${bytesEach}`,
      );
    return Number(count);
  }

  text(what: string): string {
    const length = this.count(`the length of ${what},`, 1);
    const start = this.#step(length, what);
    try {
      return this.#text.decode(this.#bytes.subarray(start, start + length));
    } catch {
      throw new FormatError(FORMAT, `${what} is not UTF-8`);
    }
  }

  value(what: string): GgufValue {
    return this.#valueOf(this.#kind(what), what, 0);
  }

  #kind(what: string): (typeof kinds)[number] {
    const type = this.u32(`the type of ${what}`);
    const kind = kinds[type];
    if (kind === undefined) throw new FormatError(FORMAT, `${what} is of type ${type}, which does not exist`);
    return kind;
  }

  #valueOf(kind: (typeof kinds)[number], what: string, depth: number): GgufValue {
    if (kind === 'text') return this.text(what);
    if (kind === 'list') return this.#list(what, depth);
    if (kind === 'bool') {
      const byte = this.#bytes[this.#step(1, what)]!;
      if (byte > 1) throw new FormatError(FORMAT, `${what} must be 0 or 1, it is ${byte}`);
      return byte === 1;
    }
    const value = this.#numbers(kind, 1, what)[0]!;
    const exact = typeof value === 'number' || Number.isSafeInteger(Number(value));
    return exact ? Number(value) : value;
  }

  #list(what: string, depth: number): GgufValue {
    if (depth === MOST_NESTING)
      throw new FormatError(FORMAT, `${what} is nested more than ${MOST_NESTING} deep`);
    const kind = this.#kind(`the entries of ${what}`);
    const count = this.count(`the length of ${what},`, least[kinds.indexOf(kind)]!);
    if (Object.hasOwn(arrays, kind)) return this.#numbers(kind as ArrayKind, count, what);
    if (kind === 'text') return this.#texts(count, what);
    const entries: GgufValue[] = [];
    for (let n = 0; n < count; n++) entries.push(this.#valueOf(kind, `${what}[${n}]`, depth + 1));
    return entries;
  }

  /** Vocabularies have hundreds of thousands: their bytes are put together and decoded at once, then cut. */
  #texts(count: number, what: string): string[] | GgufTexts {
    const first = this.at;
    let total = 0;
    for (let n = 0; n < count; n++) {
      const start = this.#step(8, what);
      const length = this.#view.getUint32(start, true) + this.#view.getUint32(start + 4, true) * 2 ** 32;
      if (length > this.size - this.at) {
        this.at = start;
        this.count(`the length of ${what}[${n}],`, 1);
      }
      this.#step(length, what);
      total += length;
    }
    const joined = new Uint8Array(total);
    const ends = new Uint32Array(count);
    let at = first;
    let [bytes, units] = [0, 0];
    for (let n = 0; n < count; n++) {
      const length = this.#view.getUint32(at, true);
      at += 8;
      const own = bytes;
      for (const end = at + length; at < end; at++) {
        const byte = this.#bytes[at]!;
        joined[bytes++] = byte;
        // UTF-16: two units for what takes four bytes, none for a byte that goes on
        units += byte >= 0xf0 ? 2 : byte < 0x80 || byte >= 0xc0 ? 1 : 0;
      }
      // a character must not begin in one text and end in the next
      if (length > 0 && joined[own]! >= 0x80 && joined[own]! < 0xc0)
        throw new FormatError(FORMAT, `${what}[${n}] is not UTF-8`);
      ends[n] = units;
    }
    let text: string;
    try {
      text = this.#text.decode(joined);
    } catch {
      throw new FormatError(FORMAT, `a text of ${what} is not UTF-8`);
    }
    const list = new GgufTexts(text, ends);
    return count > SHORT_LIST ? list : [...list];
  }

  #numbers(kind: ArrayKind, count: number, what: string): ArrayLike<number | bigint> {
    const Numbers = arrays[kind];
    const bytes = count * Numbers.BYTES_PER_ELEMENT;
    const start = this.#step(bytes, what);
    return new Numbers(this.#bytes.slice(start, start + bytes).buffer);
  }

  #step(bytes: number, what: string): number {
    const start = this.at;
    if (start + bytes > this.size)
      throw new FormatError(
        FORMAT,
        `truncated in ${what}: byte ${start + bytes} is needed, the file has ${this.size}`,
      );
    if (start + bytes > this.#bytes.length) throw beyond;
    this.at += bytes;
    return start;
  }
}
