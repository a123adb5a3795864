import { FormatError } from '../errors.ts';
import type { Vocabulary } from '../tokenizer.ts';
import { bytesOf, readJson } from './json.ts';

const FORMAT = 'llama2.c tokenizer';
const JSON_FORMAT = 'vocabulary';

/**
 * Reads llama2.c's `tokenizer.bin`: int32 length of the longest piece, then per piece its float32 score, its
 * int32 length and its bytes; little-endian. The file does not say how many pieces it has: it is read to its end.
 *
 * @throws {FormatError} if it is cut, a length is out of range, or a score is not a number.
 */
export function readLlama2cVocabulary(file: Uint8Array): Vocabulary {
  bytesOf(file, FORMAT);
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
    const score = view.getFloat32(at, true);
    if (!Number.isFinite(score))
      throw new FormatError(FORMAT, `the score of piece ${pieces.length} must be a number, it is ${score}`);
    scores.push(score);
    pieces.push(file.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return { pieces, scores };
}

/**
 * Reads the same as JSON: `{ "pieces": [...], "scores": [...] }`, other keys are passed over.
 *
 * @param content the bytes of the file, or its text
 * @throws {FormatError} if it is no JSON, or has no such lists of one length.
 */
export function readJsonVocabulary(content: Uint8Array | string): Vocabulary {
  const json = (readJson(content, JSON_FORMAT) ?? {}) as { pieces?: unknown; scores?: unknown };
  const pieces = Object.hasOwn(json, 'pieces') ? json.pieces : undefined;
  const scores = Object.hasOwn(json, 'scores') ? json.scores : undefined;
  if (!Array.isArray(pieces) || !pieces.every((piece) => typeof piece === 'string'))
    throw new FormatError(JSON_FORMAT, '"pieces" must be a list of strings');
  const half = pieces.findIndex((piece) => /\p{Cs}/u.test(piece));
  if (half >= 0)
    throw new FormatError(JSON_FORMAT, `piece ${half} must be whole characters, it has half of a pair`);
  if (!Array.isArray(scores) || !scores.every((score) => Number.isFinite(score)))
    throw new FormatError(JSON_FORMAT, '"scores" must be a list of numbers');
  if (pieces.length !== scores.length)
    throw new FormatError(JSON_FORMAT, `there are ${pieces.length} pieces and ${scores.length} scores`);
  const utf8 = new TextEncoder();
  return { pieces: pieces.map((piece) => utf8.encode(piece)), scores };
}
