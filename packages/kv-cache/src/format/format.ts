import { crc32 } from './crc32.ts';
import { CacheFileError, damaged } from './errors.ts';
import { readHeader, sectionBytes } from './header.ts';
import type { LayerHeader, SectionData, SectionType, Snapshot } from './record.ts';

/**
 * The file, little-endian:
 *
 * ```text
 *  0  8 bytes  magic "HWCACHE\n"
 *  8  u32      version of the format
 * 12  u32      bytes of the header
 * 16  JSON     header: for each state its kind, id, spec, B, lengths, format, bookkeeping, and its sections
 *     …        sections in order, each padded with zeros to a multiple of 4 bytes
 *  −4 u32      CRC-32 of everything before
 * ```
 */
export const FORMAT_VERSION = 2;
const MAGIC = Uint8Array.from('HWCACHE\n', (letter) => letter.charCodeAt(0));
const LEAD = 16;

/** Writes layers as one file. */
export function encodeCaches(snapshots: readonly Snapshot[]): Uint8Array {
  const header: { readonly layers: readonly LayerHeader[] } = {
    layers: snapshots.map(({ sections, ...layer }) => ({
      ...layer,
      sections: sections.map(({ name, data }) => ({ name, dtype: dtypeOf(data), length: data.length })),
    })),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const parts = snapshots.flatMap(({ sections }) => sections.map(({ data }) => data));
  const payload = parts.reduce((sum, { byteLength }) => sum + padded(byteLength), 0);
  const file = new Uint8Array(LEAD + padded(text.length) + payload + 4);
  const view = new DataView(file.buffer);
  file.set(MAGIC, 0);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, text.length, true);
  file.set(text, LEAD);
  let offset = LEAD + padded(text.length);
  for (const part of parts) {
    writeLittleEndian(view, offset, part);
    offset += padded(part.byteLength);
  }
  view.setUint32(offset, crc32(file.subarray(0, offset)), true);
  return file;
}

/**
 * Reads a file back.
 * @throws {CacheFileError} if one bit of it is not as it was written, it is of another version, or its header says what
 * cannot be.
 */
export function decodeCaches(file: Uint8Array): readonly Snapshot[] {
  if (!(file instanceof Uint8Array)) throw damaged(`the content must be a Uint8Array, got ${typeof file}`);
  if (file.length < LEAD + 4 || MAGIC.some((byte, i) => file[i] !== byte)) {
    throw damaged('this is not a cache file (it does not begin with HWCACHE)');
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const version = view.getUint32(8, true);
  const sum = view.getUint32(file.length - 4, true);
  const intact = crc32(file.subarray(0, file.length - 4)) === sum;
  if (version !== FORMAT_VERSION) {
    throw new CacheFileError(
      intact ? 'version' : 'damaged',
      `it is of version ${version}, this release reads version ${FORMAT_VERSION}${intact ? '' : ', and its checksum does not match'}`,
    );
  }
  if (!intact) throw damaged('the checksum does not match: bytes are missing, added or changed');
  return readLayers(file, view);
}

function readLayers(file: Uint8Array, view: DataView): Snapshot[] {
  const length = view.getUint32(12, true);
  if (LEAD + padded(length) > file.length - 4) throw damaged('its header is longer than the file');
  let offset = LEAD + padded(length);
  const layers = readHeader(file.subarray(LEAD, LEAD + length)).map(({ sections, ...layer }) => ({
    ...layer,
    sections: sections.map(({ name, dtype, length: elements }) => {
      const bytes = elements * sectionBytes[dtype];
      if (offset + padded(bytes) > file.length - 4) throw damaged(`section ${name} is longer than the file`);
      const data = readLittleEndian(view, offset, dtype, elements);
      offset += padded(bytes);
      return { name, data };
    }),
  }));
  if (offset !== file.length - 4)
    throw damaged(`${file.length - 4 - offset} bytes stand after the last section`);
  return layers;
}

function dtypeOf(data: SectionData): SectionType {
  if (data instanceof Float32Array) return 'f32';
  return data instanceof Int32Array ? 'i32' : 'u8';
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

function writeLittleEndian(view: DataView, offset: number, data: SectionData): void {
  const target = new Uint8Array(view.buffer, view.byteOffset + offset, data.byteLength);
  if (littleEndian || data instanceof Uint8Array) {
    target.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  } else if (data instanceof Float32Array) {
    data.forEach((value, i) => {
      view.setFloat32(offset + 4 * i, value, true);
    });
  } else {
    data.forEach((value, i) => {
      view.setInt32(offset + 4 * i, value, true);
    });
  }
}

function readLittleEndian(view: DataView, offset: number, dtype: SectionType, length: number): SectionData {
  const start = view.byteOffset + offset;
  const bytes = view.buffer.slice(start, start + length * sectionBytes[dtype]) as ArrayBuffer;
  if (dtype === 'u8') return new Uint8Array(bytes);
  if (littleEndian) return dtype === 'f32' ? new Float32Array(bytes) : new Int32Array(bytes);
  const from = new DataView(bytes);
  return dtype === 'f32'
    ? Float32Array.from({ length }, (_, i) => from.getFloat32(4 * i, true))
    : Int32Array.from({ length }, (_, i) => from.getInt32(4 * i, true));
}
