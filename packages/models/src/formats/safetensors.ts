import type { ByteSource } from '../checkpoint.ts';
import { atMost, FormatError } from '../errors.ts';
import { toBrain, toHalf } from './half.ts';
import { elements, type HostDType, type HostTensor, hostTensor, widths } from './host-tensor.ts';
import { bytesOf, checkDownloaded, kindOf, parseJson, shown } from './json.ts';

export { type HostDType, type HostTensor, numbersOf } from './host-tensor.ts';

/** What a safetensors file holds. */
export interface Safetensors {
  /** The header's `__metadata__`; empty when there is none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** A tensor of a safetensors file, before its data. */
export interface Entry {
  readonly name: string;
  readonly dtype: HostDType;
  readonly shape: readonly number[];
  /** Bytes of the data. */
  readonly begin: number;
  readonly end: number;
}

/** What stands before the data. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the header. */
  readonly entries: readonly Entry[];
  /** Where the data begin in the file. */
  readonly start: number;
  /** Of each tensor that ends beyond the file, where it does. */
  readonly cut: readonly string[];
}

/** The arrays that values of a type stand in. */
const arrays: Readonly<Record<HostDType, { readonly name: string }>> = {
  BOOL: Uint8Array,
  I8: Int8Array,
  U8: Uint8Array,
  F16: Float32Array,
  BF16: Float32Array,
  I16: Int16Array,
  U16: Uint16Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
};
const dtypes = Object.keys(widths).join(' ');
const FORMAT = 'safetensors';
const METADATA = '__metadata__';
const LENGTH_BYTES = 8;
/** The format's own bound on the header. */
const MOST_HEADER_BYTES = 100_000_000;

/**
 * Reads a safetensors file: 8 bytes of header length (little-endian), a JSON header, the tensors.
 *
 * Strict as the format's own implementation: every byte after the header belongs to exactly one tensor, and
 * beyond it, a name that stands twice is refused too (JSON would silently keep the last). Where the alignment
 * allows, `data` is a view of `bytes`: do not change them while the tensors are in use.
 *
 * @throws {FormatError} naming the tensor and both values.
 * @see {@link https://huggingface.co/docs/safetensors}
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const size = bytesOf(bytes, FORMAT).byteLength;
  const start = dataStart(bytes, size);
  const { metadata, entries, cut } = parseHeader(bytes.subarray(LENGTH_BYTES, start), size - start);
  if (cut.length > 0)
    throw new FormatError(
      FORMAT,
      `the data have ${size - start} bytes; it is truncated or its header lies`,
      atMost(cut),
    );
  return {
    metadata,
    tensors: new Map(
      entries.map(({ name, dtype, shape, begin, end }) => [
        name,
        hostTensor(name, dtype, shape, bytes.subarray(start + begin, start + end)),
      ]),
    ),
  };
}

/**
 * What a safetensors file says before its data, as strictly as `readSafetensors`; nothing else is read. Tensors that end
 * beyond the file are noted, since what else is wrong is known only with the model.
 *
 * @throws {FormatError} naming the tensor and both values.
 * @throws the reason of the signal once it is aborted.
 */
export async function readSafetensorsHeader(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<SafetensorsHeader> {
  const start = dataStart(await source.read(0, Math.min(LENGTH_BYTES, source.size), signal), source.size);
  const json = await source.read(LENGTH_BYTES, start, signal);
  return { ...parseHeader(json, source.size - start), start };
}

/**
 * Writes a safetensors file. Tensors are laid out by falling element width, then by name, so that each starts at
 * a multiple of its width, and the header names them in this order; it is padded with spaces to a multiple of 8.
 *
 * @throws {FormatError} if a tensor's data are not of its dtype or do not fill its shape, its name is `__metadata__`, or
 * the metadata are not strings.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, HostTensor> | Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const list: [string, HostTensor][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  if (Object.values(metadata).some((value) => typeof value !== 'string'))
    throw new FormatError(FORMAT, '__metadata__ must be an object of strings');
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, tensor] of list) checkTensor(name, tensor);
  list.sort(([a, x], [b, y]) => widths[y.dtype] - widths[x.dtype] || (a < b ? -1 : 1));
  for (const [name, tensor] of list) {
    const { dtype, shape } = tensor;
    const part = encode(tensor);
    header.push([name, { dtype, shape, data_offsets: [offset, offset + part.byteLength] }]);
    offset += part.byteLength;
    parts.push(part);
  }

  // by hand, because an object would put names that are whole numbers first
  const fields = header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const start = LENGTH_BYTES + Math.ceil(json.byteLength / 8) * 8;
  const file = new Uint8Array(start + offset).fill(0x20, 0, start);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - LENGTH_BYTES), true);
  file.set(json, LENGTH_BYTES);
  let at = start;
  for (const part of parts) {
    file.set(part, at);
    at += part.byteLength;
  }
  return file;
}

function checkTensor(name: string, { dtype, shape, data }: HostTensor): void {
  const bad = (problem: string): FormatError => new FormatError(FORMAT, `"${name}" ${problem}`);
  if (name === METADATA) throw bad('is not a name for a tensor');
  if (!Object.hasOwn(widths, dtype)) throw bad(`is of dtype ${shown(dtype)}, not one of ${dtypes}`);
  if (!isCounts(shape)) throw bad(`has shape ${shown(shape)}, it must be a list of whole numbers ≥ 0`);
  if (kindOf(data) !== arrays[dtype].name) throw bad(`must have a ${arrays[dtype].name} for ${dtype}`);
  if (data.length !== elements(shape))
    throw bad(`has ${data.length} values, its shape [${shape}] needs ${elements(shape)}`);
}

/** Where the data begin, from the first bytes of a file. */
function dataStart(bytes: Uint8Array, size: number): number {
  checkDownloaded(bytes, FORMAT);
  if (size < LENGTH_BYTES)
    throw new FormatError(FORMAT, `truncated: ${size} bytes, the header length alone takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > MOST_HEADER_BYTES)
    throw new FormatError(
      FORMAT,
      `the header claims ${length} bytes, at most ${MOST_HEADER_BYTES} are allowed; this is not a safetensors file`,
    );
  const start = LENGTH_BYTES + Number(length);
  if (start > size)
    throw new FormatError(
      FORMAT,
      `truncated header: it claims ${length} bytes, ${size - LENGTH_BYTES} follow its length`,
    );
  return start;
}

function parseHeader(json: Uint8Array, available: number): Omit<SafetensorsHeader, 'start'> {
  const { value: header, text, names } = parseJson(json, FORMAT, 'the header');
  if (!isRecord(header)) throw new FormatError(FORMAT, 'the header must be a JSON object');
  if (text[0] !== '{') throw new FormatError(FORMAT, 'the header must begin with {');
  const metadata = Object.hasOwn(header, METADATA) ? header[METADATA] : {};
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string'))
    throw new FormatError(FORMAT, '__metadata__ must be an object of strings');
  const entries = names
    .filter((name) => name !== METADATA)
    .map((name) => checkEntry(name, Object.getOwnPropertyDescriptor(header, name)!.value));
  const cut = checkCoverage(entries, available);
  return { metadata: metadata as Readonly<Record<string, string>>, entries, cut };
}

function checkEntry(name: string, entry: unknown): Entry {
  const bad = (problem: string): FormatError => new FormatError(FORMAT, `"${name}": ${problem}`);
  if (!isRecord(entry)) throw bad('its header entry must be an object');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(widths, dtype))
    throw bad(`dtype ${shown(dtype)} is not one of ${dtypes}`);
  if (!isCounts(shape)) throw bad(`shape ${shown(shape)} must be a list of whole numbers ≥ 0`);
  if (!isCounts(offsets) || offsets.length !== 2)
    throw bad(`data_offsets ${shown(offsets)} must be two whole numbers ≥ 0`);
  const [begin, end] = offsets as [number, number];
  if (end < begin) throw bad(`data_offsets [${begin}, ${end}] end before they begin`);
  const needed = elements(shape) * widths[dtype as HostDType];
  if (end - begin !== needed)
    throw bad(
      `data_offsets [${begin}, ${end}] hold ${end - begin} bytes, ${dtype} [${shape}] needs ${needed}`,
    );
  return { name, dtype: dtype as HostDType, shape, begin, end };
}

/** Every byte of the data belongs to exactly one tensor. @returns what ends beyond them */
function checkCoverage(entries: readonly Entry[], available: number): readonly string[] {
  let before: Entry | undefined;
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const covered = before?.end ?? 0;
    if (entry.begin < covered)
      throw new FormatError(
        FORMAT,
        `"${entry.name}" starts at byte ${entry.begin}, inside "${before?.name}", which ends at ${covered}`,
      );
    if (entry.begin > covered)
      throw new FormatError(
        FORMAT,
        `bytes ${covered} … ${entry.begin - 1}, before "${entry.name}", belong to no tensor`,
      );
    before = entry;
  }
  const covered = before?.end ?? 0;
  if (covered < available)
    throw new FormatError(
      FORMAT,
      `${available - covered} bytes after the last tensor belong to none; the file is oversized or its header lies`,
    );
  return entries
    .filter(({ end }) => end > available)
    .map(
      ({ name, end }) =>
        `"${name}" ends at byte ${end} of the data, the file has ${available}: it is truncated`,
    );
}

function encode({ dtype, data }: HostTensor): Uint8Array {
  const stored =
    dtype === 'F16'
      ? Uint16Array.from(data, toHalf)
      : dtype === 'BF16'
        ? Uint16Array.from(data, toBrain)
        : data;
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
