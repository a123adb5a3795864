import { checkIds } from '@headwise/tensor';
import { FormatError } from './errors.ts';

/** Text to ids and back. */
export interface Tokenizer {
  /** `V`, how many ids there are. */
  readonly size: number;
  /** Begin-of-sequence, put in front of every text. */
  readonly bos: number;
  readonly eos: number;
  /** Ids of a text, `bos` first. Never throws. */
  encode(text: string): number[];
  /**
   * Text of ids. `bos` and `eos` are nothing, and one space after `bos` is dropped, as encoding put it there.
   * @throws {ValueError} for an id outside the vocabulary.
   */
  decode(ids: readonly number[]): string;
  /** Decodes id by id, holding back the bytes of a character until it is whole. Never throws. */
  stream(): TextStream;
}

/** Text that comes id by id. */
export interface TextStream {
  /**
   * What one more id adds to the text; empty inside a character.
   * @throws {ValueError} for an id outside the vocabulary.
   */
  push(id: number): string;
  /** What is left when no id follows: the replacement character for a character that was cut. Never throws. */
  end(): string;
}

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

  const tokenizer: Tokenizer = {
    size: pieces.length,
    bos: BOS,
    eos: EOS,
    encode(text) {
      if (text === '') return [BOS];
      const start = [...` ${text}`].flatMap((char) => {
        const bytes = new TextEncoder().encode(char);
        const id = ids.get(latin1(bytes));
        return id === undefined ? Array.from(bytes, (byte) => FIRST_BYTE + byte) : [id];
      });
      return [BOS, ...merge(start, keys, ids, scores)];
    },
    decode(list) {
      checkIds('decode', list, pieces.length);
      const stream = tokenizer.stream();
      return list.map((id) => stream.push(id)).join('') + stream.end();
    },
    stream: () => createStream(pieces),
  };
  return tokenizer;
}

/** One character a byte, of a piece however long. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function merge(
  start: readonly number[],
  keys: readonly string[],
  ids: ReadonlyMap<string, number>,
  scores: ArrayLike<number>,
): number[] {
  const list = [...start];
  const joined = (i: number): number | undefined =>
    i >= 0 && i + 1 < list.length ? ids.get(keys[list[i]!]! + keys[list[i + 1]!]!) : undefined;
  const pairs = list.map((_, i) => joined(i)); // [i]: the piece that i and i + 1 make
  for (;;) {
    let best = -1;
    pairs.forEach((piece, i) => {
      if (piece !== undefined && (best < 0 || scores[piece]! > scores[pairs[best]!]!)) best = i;
    });
    if (best < 0) return list;
    list.splice(best, 2, pairs[best]!);
    pairs.splice(best, 1);
    pairs[best] = joined(best);
    if (best > 0) pairs[best - 1] = joined(best - 1);
  }
}

function createStream(pieces: readonly Uint8Array[]): TextStream {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  let previous = -1;
  return {
    push(id) {
      checkIds('decode', [id], pieces.length);
      const afterStart = previous === BOS;
      previous = id;
      if (id === BOS || id === EOS) return '';
      if (id >= FIRST_BYTE && id < FIRST_BYTE + 256)
        return utf8.decode(Uint8Array.of(id - FIRST_BYTE), { stream: true });
      const piece = pieces[id]!;
      return utf8.decode(afterStart && piece[0] === 0x20 ? piece.subarray(1) : piece, { stream: true });
    },
    end: () => utf8.decode(),
  };
}
