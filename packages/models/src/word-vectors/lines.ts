import { FormatError } from '../errors.ts';

/** The lines of a file, of which the last may lack its break: bytes, since a text of all may be too long for a string. */
export function* linesOf(bytes: Uint8Array): Generator<Uint8Array, undefined> {
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf(0x0a, at);
    const end = found < 0 ? bytes.length : found;
    yield bytes.subarray(at, bytes[end - 1] === 0x0d ? end - 1 : end);
    at = end + 1;
  }
  return undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws {FormatError} if it is empty or no UTF-8. */
export function wordOf(format: string, bytes: Uint8Array, id: number): string {
  let word: string;
  try {
    word = utf8.decode(bytes);
  } catch {
    throw new FormatError(format, `word ${id} is not UTF-8`);
  }
  if (word === '') throw new FormatError(format, `word ${id} is empty`);
  return word;
}

/**
 * Reads a line into a vector: the last of its parts are numbers, and what stands before is the word, spaces in it and all.
 * @returns the word
 * @throws {FormatError} naming the line.
 */
export function numbersOfLine(format: string, line: Uint8Array, number: number, into: Float32Array): string {
  let end = line.length;
  while (line[end - 1] === 0x20) end -= 1;
  for (let i = into.length - 1; i >= 0; i--) {
    const space = line.lastIndexOf(0x20, end - 1);
    const part = space < 0 ? '' : new TextDecoder().decode(line.subarray(space + 1, end));
    const value = part === '' ? Number.NaN : Number(part);
    if (Number.isNaN(value))
      throw new FormatError(
        format,
        `line ${number} must be a word and ${into.length} numbers; the last but ${into.length - 1 - i} is ${JSON.stringify(part.slice(0, 40))}`,
      );
    into[i] = value;
    end = space;
  }
  return wordOf(format, line.subarray(0, end), number);
}
