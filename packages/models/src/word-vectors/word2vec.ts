import { FormatError } from '../errors.ts';
import { bytesOf } from '../formats/json.ts';
import { linesOf, numbersOfLine, wordOf } from './lines.ts';
import { WordVectors } from './word-vectors.ts';

const BINARY = 'word2vec binary';
const TEXT = 'word2vec text';

/**
 * Reads word2vec's binary file: a line with the number of words and their width, then for each word its bytes, a space,
 * and so many float32, little-endian, mostly with a line break behind.
 *
 * @throws {FormatError} if it is cut, longer than its header says, or a word stands twice.
 * @see Mikolov et al. 2013, and `word2vec.c`, `-binary 1`
 */
export function readWord2Vec(file: Uint8Array): WordVectors {
  const bytes = bytesOf(file, BINARY);
  const end = bytes.indexOf(0x0a);
  const header = new TextDecoder().decode(bytes.subarray(0, end < 0 ? Math.min(bytes.length, 64) : end));
  const { V, E } = readHeader(BINARY, header);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // before anything of that size is made
  if (V * (4 * E + 2) > bytes.length)
    throw new FormatError(
      BINARY,
      `its header says ${V} words of ${E} numbers, the file has ${bytes.length} bytes`,
    );
  const words: string[] = [];
  const vectors = new Float32Array(V * E);
  let at = end + 1;
  for (let id = 0; id < V; id++) {
    while (bytes[at] === 0x0a) at += 1;
    const space = bytes.indexOf(0x20, at);
    if (space < 0 || space + 1 + 4 * E > bytes.length)
      throw new FormatError(BINARY, `truncated in word ${id} of ${V}, at byte ${at} of ${bytes.length}`);
    words.push(wordOf(BINARY, bytes.subarray(at, space), id));
    at = space + 1;
    for (let i = 0; i < E; i++, at += 4) vectors[id * E + i] = view.getFloat32(at, true);
  }
  while (bytes[at] === 0x0a) at += 1;
  if (at !== bytes.length)
    throw new FormatError(
      BINARY,
      `${bytes.length - at} bytes stand behind the ${V} words that its header says`,
    );
  return new WordVectors(BINARY, { words, vectors, width: E });
}

/**
 * Reads word2vec's text, which is fastText's `.vec` too: a line with the number of words and their width, then a line
 * a word: the word and its numbers, with spaces between.
 *
 * @throws {FormatError} naming the line that has other than a word and its numbers, or a word that stands twice.
 */
export function readWord2VecText(file: Uint8Array): WordVectors {
  const lines = linesOf(bytesOf(file, TEXT));
  const { V, E } = readHeader(TEXT, new TextDecoder().decode(lines.next().value));
  if (V * (2 * E + 2) > file.length + 1)
    throw new FormatError(
      TEXT,
      `its header says ${V} words of ${E} numbers, the file has ${file.length} bytes`,
    );
  const words: string[] = [];
  const vectors = new Float32Array(V * E);
  for (const line of lines) {
    const id = words.length;
    if (id === V)
      throw new FormatError(TEXT, `line ${V + 2} stands behind the ${V} words that its header says`);
    words.push(numbersOfLine(TEXT, line, id + 2, vectors.subarray(id * E, (id + 1) * E)));
  }
  if (words.length !== V)
    throw new FormatError(TEXT, `its header says ${V} words, there are ${words.length}; it is truncated`);
  return new WordVectors(TEXT, { words, vectors, width: E });
}

function readHeader(format: string, line: string): { readonly V: number; readonly E: number } {
  const [, V, E] = /^(\d{1,15}) (\d{1,15})\s*$/.exec(line) ?? [];
  if (V === undefined || Number(V) < 1 || Number(E) < 1)
    throw new FormatError(
      format,
      `must begin with the number of words and their width, it begins with ${JSON.stringify(line.slice(0, 40))}`,
    );
  return { V: Number(V), E: Number(E) };
}
