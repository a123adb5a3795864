import { checkIds } from '@headwise/tensor';
import type { TextStream } from './contract.ts';

/**
 * Text from ids whose pieces are bytes, however a character is cut over them. Never throws; its `push` does.
 *
 * @param size of the vocabulary
 * @param bytesOf the bytes that an id adds; it is asked in the order of the text, once for each
 */
export function pieceStream(size: number, bytesOf: (id: number) => Uint8Array): TextStream {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push(id) {
      checkIds('decode', [id], size);
      return utf8.decode(bytesOf(id), { stream: true });
    },
    end: () => utf8.decode(),
  };
}

/** All ids through a stream. @throws {ValueError} for an id outside the vocabulary. */
export function decodeAll(ids: readonly number[], size: number, stream: TextStream): string {
  checkIds('decode', ids, size);
  return ids.map((id) => stream.push(id)).join('') + stream.end();
}

/** Nothing to add. */
export const noBytes = new Uint8Array(0);

/** `<0xE2>` → 0xE2; undefined for other pieces. Never throws. */
export function byteOf(piece: string): number | undefined {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(piece) ? Number.parseInt(piece.slice(3, 5), 16) : undefined;
}

/**
 * GPT-2's alphabet: a printable character for each byte, so that pieces of any bytes are text. Printable bytes of
 * Latin-1 stand for themselves, the others for the characters from 256 on, in order.
 */
export const byteLetters: readonly string[] = (() => {
  let other = 256;
  const isPrintable = (byte: number): boolean =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : other++));
})();

const letterBytes = new Map(byteLetters.map((letter, byte) => [letter, byte]));
const utf8 = new TextEncoder();

/** The bytes of a piece in that alphabet; of a piece with other characters its UTF-8. Never throws. */
export function fromByteLetters(piece: string): Uint8Array {
  const bytes = Array.from(piece, (letter) => letterBytes.get(letter));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : utf8.encode(piece);
}

/** The UTF-8 of a text in that alphabet, a letter a byte. Never throws. */
export function toByteLetters(text: string): string[] {
  return Array.from(utf8.encode(text), (byte) => byteLetters[byte]!);
}

/**
 * Cuts a text at pieces that stand for themselves (`<s>`, `<|im_end|>`), the leftmost and there the longest first.
 * Never throws.
 */
export function cutter(
  special: ReadonlyMap<string, number>,
): (text: string) => (string | { readonly id: number })[] {
  const byFirst = new Map<string, string[]>();
  for (const piece of special.keys())
    if (piece !== '') byFirst.set(piece[0]!, [...(byFirst.get(piece[0]!) ?? []), piece]);
  for (const pieces of byFirst.values()) pieces.sort((a, b) => b.length - a.length);
  return (text) => {
    const parts: (string | { readonly id: number })[] = [];
    let from = 0;
    for (let at = 0; at < text.length; ) {
      const found = byFirst.get(text[at]!)?.find((piece) => text.startsWith(piece, at));
      if (found === undefined) {
        at += 1;
        continue;
      }
      if (at > from) parts.push(text.slice(from, at));
      parts.push({ id: special.get(found)! });
      at += found.length;
      from = at;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  };
}
