import { FormatError } from '../errors.ts';
import type { Vocabulary } from '../tokenizer.ts';

const FORMAT = 'llama2.c tokenizer';

/**
 * Reads llama2.c's `tokenizer.bin`: int32 length of the longest piece, then per piece its float32 score, its
 * int32 length and its bytes; little-endian. The file does not say how many pieces it has: it is read to its end.
 *
 * @throws {FormatError} if it is cut, or a length is out of range.
 */
export function readLlama2cVocabulary(file: Uint8Array): Vocabulary {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.byteLength < 4) throw new FormatError(FORMAT, `truncated: ${file.byteLength} bytes`);
  const longest = view.getInt32(0, true);
  const pieces: Uint8Array[] = [];
  const scores: number[] = [];
  for (let at = 4; at < file.byteLength; ) {
    const left = file.byteLength - at - 8;
    const length = left >= 0 ? view.getInt32(at + 4, true) : 0;
    if (left < 0 || length > left)
      throw new FormatError(
        FORMAT,
        `truncated in piece ${pieces.length}, at byte ${at} of ${file.byteLength}`,
      );
    if (length < 0 || length > longest)
      throw new FormatError(
        FORMAT,
        `piece ${pieces.length} claims ${length} bytes, the longest has ${longest}`,
      );
    scores.push(view.getFloat32(at, true));
    pieces.push(file.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return { pieces, scores };
}

/**
 * Reads the same as JSON text: `{ "pieces": [...], "scores": [...] }`, other keys are passed over.
 *
 * @throws {FormatError} if it is no JSON or has no such lists.
 */
export function readJsonVocabulary(text: string): Vocabulary {
  let json: { pieces?: unknown; scores?: unknown } | null;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new FormatError('vocabulary', `not JSON: ${(error as Error).message}`);
  }
  const { pieces, scores } = json ?? {};
  if (!Array.isArray(pieces) || !pieces.every((piece) => typeof piece === 'string'))
    throw new FormatError('vocabulary', '"pieces" must be a list of strings');
  if (!Array.isArray(scores) || !scores.every((score) => typeof score === 'number'))
    throw new FormatError('vocabulary', '"scores" must be a list of numbers');
  const utf8 = new TextEncoder();
  return { pieces: pieces.map((piece) => utf8.encode(piece)), scores };
}
