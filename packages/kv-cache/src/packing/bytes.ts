import { CacheFileError } from '../format/errors.ts';
import { floats, type Snapshot } from '../format/snapshot.ts';
import type { PackLayout } from './layout.ts';

/** Codes as a device holds them, as whole bytes: one code a byte, or two, the first in the low half. */
export function codesToBytes(elements: Float32Array, layout: PackLayout): Uint8Array {
  const { bits, perElement, levels } = layout;
  const perByte = 8 / bits;
  const codes = codesOf(layout);
  const blocks = elements.length / layout.elements;
  const bytes = new Uint8Array(blocks * Math.ceil(codes / perByte));
  for (let block = 0; block < blocks; block++) {
    for (let e = 0; e < codes; e++) {
      const packed = elements[block * layout.elements + Math.floor(e / perElement)]!;
      const code = Math.floor(packed / (levels + 1) ** (e % perElement)) % (levels + 1);
      const at = block * Math.ceil(codes / perByte) + Math.floor(e / perByte);
      bytes[at]! |= code << (bits * (e % perByte));
    }
  }
  return bytes;
}

/** The other way round. */
export function bytesToCodes(bytes: Uint8Array, layout: PackLayout): Float32Array {
  const { bits, perElement, levels } = layout;
  const perByte = 8 / bits;
  const codes = codesOf(layout);
  const blocks = bytes.length / Math.ceil(codes / perByte);
  const elements = new Float32Array(blocks * layout.elements);
  for (let block = 0; block < blocks; block++) {
    for (let e = 0; e < codes; e++) {
      const byte = bytes[block * Math.ceil(codes / perByte) + Math.floor(e / perByte)]!;
      const code = (byte >> (bits * (e % perByte))) & levels;
      elements[block * layout.elements + Math.floor(e / perElement)]! +=
        code * (levels + 1) ** (e % perElement);
    }
  }
  return elements;
}

/** The packed numbers of so many blocks of a file by name, as a device holds them: `[count, …]`. */
export function packedBytes(
  snapshot: Snapshot,
  layouts: Readonly<Record<string, PackLayout>>,
  count: number,
): Readonly<Record<string, Float32Array>> {
  const numbers = Object.entries(layouts).flatMap(([name, layout]) => {
    const data = snapshot.sections.find((section) => section.name === `${name}.codes`)?.data;
    const size = count * Math.ceil((codesOf(layout) * layout.bits) / 8);
    if (!(data instanceof Uint8Array) || data.length !== size) {
      throw new CacheFileError(
        'damaged',
        `section ${name}.codes must hold ${size} bytes, it has ${data?.length ?? 'none'}`,
      );
    }
    return [
      [`${name}.codes`, bytesToCodes(data, layout)],
      [`${name}.scales`, floats(snapshot, `${name}.scales`, count * layout.groups)],
      [`${name}.lows`, floats(snapshot, `${name}.lows`, count * layout.groups)],
    ] as const;
  });
  return Object.fromEntries(numbers);
}

function codesOf({ tokens, n }: PackLayout): number {
  return tokens * n;
}
