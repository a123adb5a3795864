import { FormatError } from '../errors.ts';
import { bytesOf } from '../formats/json.ts';
import { linesOf, numbersOfLine } from './lines.ts';
import { WordVectors } from './word-vectors.ts';

const FORMAT = 'GloVe';

/**
 * Reads GloVe's text: a line a word, the word and its numbers with spaces between, without a header. The first line says
 * how many; some words of the large files have spaces in them.
 *
 * @throws {FormatError} naming the line that has other than a word and its numbers, or a word that stands twice.
 * @see Pennington et al. 2014, "GloVe: Global Vectors for Word Representation"
 */
export function readGlove(file: Uint8Array): WordVectors {
  const lines = [...linesOf(bytesOf(file, FORMAT))];
  const first = new TextDecoder().decode(lines[0]).trimEnd();
  if (/^\d+ \d+$/.test(first))
    throw new FormatError(FORMAT, 'its first line is a header: readWord2VecText reads such files');
  const width = first.split(' ').length - 1;
  if (width < 1)
    throw new FormatError(
      FORMAT,
      `its first line must be a word and its numbers, it is ${JSON.stringify(first.slice(0, 40))}`,
    );
  const vectors = new Float32Array(lines.length * width);
  const words = lines.map((line, id) =>
    numbersOfLine(FORMAT, line, id + 1, vectors.subarray(id * width, (id + 1) * width)),
  );
  return new WordVectors(FORMAT, { words, vectors, width });
}
