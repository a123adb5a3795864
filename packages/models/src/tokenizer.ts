import { FormatError } from './errors.ts';
import type { TextStream, Tokenizer } from './tokenizers/contract.ts';
import { mergeNeighbours } from './tokenizers/merges.ts';
import { decodeAll, noBytes, pieceStream } from './tokenizers/pieces.ts';

export type { EncodeTextOptions, TextPair, TextStream, Tokenizer } from './tokenizers/contract.ts';

/** Pieces with scores, the whole of a llama2.c or SentencePiece-BPE tokenizer. */
export interface Vocabulary {
  /** The bytes of each piece. 3 … 258 are `<0x00>` … `<0xFF>`, for bytes that have no piece. */
  readonly pieces: readonly Uint8Array[];
  /** The higher, the earlier a merge. */
  readonly scores: ArrayLike<number>;
}

const BOS = 1;
const EOS = 2;
const FIRST_BYTE = 3;
const FORMAT = 'tokenizer';

/**
 * The tokenizer of llama2.c: one space in front, then a piece a character (or its bytes), then again and again
 * the neighbours whose joined piece has the best score, the leftmost on ties. Karpathy 2023, run.c, `encode`;
 * Sennrich et al. 2016 for byte-pair encoding.
 *
 * @throws {FormatError} if the vocabulary has not the three special pieces and the 256 bytes in front.
 */
export function createTokenizer({ pieces, scores }: Vocabulary): Tokenizer {
  if (pieces.length !== scores.length)
    throw new FormatError(FORMAT, `${pieces.length} pieces but ${scores.length} scores`);
  if (pieces.length < FIRST_BYTE + 256)
    throw new FormatError(FORMAT, `${pieces.length} pieces; 3 special and 256 byte pieces come first`);
  // latin-1 keys: one character a byte, so that pieces which are no UTF-8 stay apart
  const keys = pieces.map(latin1);
  for (let byte = 0; byte < 256; byte++) {
    const want = `<0x${byte.toString(16).padStart(2, '0').toUpperCase()}>`;
    const id = FIRST_BYTE + byte;
    if (keys[id] !== want)
      throw new FormatError(FORMAT, `piece ${id} must be ${want}, it is ${JSON.stringify(keys[id])}`);
  }
  const ids = new Map<string, number>();
  keys.forEach((key, id) => {
    if (!ids.has(key)) ids.set(key, id);
  });

  const join = (left: string, right: string): number | undefined => {
    const id = ids.get(left + right);
    return id === undefined ? undefined : -scores[id]!;
  };
  const stream = (): TextStream => {
    let previous = -1;
    return pieceStream(pieces.length, (id) => {
      const afterStart = previous === BOS;
      previous = id;
      if (id === BOS || id === EOS) return noBytes;
      if (id >= FIRST_BYTE && id < FIRST_BYTE + 256) return Uint8Array.of(id - FIRST_BYTE);
      const piece = pieces[id]!;
      return afterStart && piece[0] === 0x20 ? piece.subarray(1) : piece;
    });
  };
  return {
    size: pieces.length,
    bos: BOS,
    eos: EOS,
    encode(text, { special = true } = {}) {
      const begin = special ? [BOS] : [];
      if (text === '') return begin;
      const start = [...` ${text}`].flatMap((char) => {
        const bytes = new TextEncoder().encode(char);
        const key = latin1(bytes);
        return ids.has(key) ? [key] : Array.from(bytes, (byte) => keys[FIRST_BYTE + byte]!);
      });
      return [...begin, ...mergeNeighbours(start, join).map((key) => ids.get(key)!)];
    },
    piece: (id) => new TextDecoder().decode(pieces[id]),
    decode: (list) => decodeAll(list, pieces.length, stream()),
    stream,
  };
}

/** One character a byte. Not by spreading: a piece may have more bytes than a call takes arguments. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
