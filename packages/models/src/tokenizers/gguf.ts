import { ValueError } from '@headwise/tensor';
import { FormatError } from '../errors.ts';
import { listOf } from '../formats/gguf-texts.ts';
import { shown } from '../formats/json.ts';
import type { TextStream, Tokenizer } from './contract.ts';
import { wordRules, wordsOf } from './gguf-words.ts';
import { mergeNeighbours } from './merges.ts';
import { byteOf, cutter, decodeAll, fromByteLetters, noBytes, pieceStream, toByteLetters } from './pieces.ts';
import { bertWords, wordPieces, writtenPiece } from './word-pieces.ts';

const FORMAT = 'GGUF tokenizer';
/** `tokenizer.ggml.token_type` */
const types = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
const SPACE = '▁';

/** Metadata of a GGUF file by their keys, as far as they are read here. */
export type TokenizerMetadata = ReadonlyMap<string, unknown>;

/** What all tokenizers of GGUF files have. */
interface Pieces {
  readonly pieces: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  readonly type: (id: number) => number;
  readonly rows: number;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  readonly unknown: number | undefined;
}

/** What differs: a text without pieces that stand for themselves to ids, and a normal piece to bytes. */
interface Words {
  /** `afterSpecial`: at the beginning, or behind a piece that stands for itself. */
  encode(text: string, afterSpecial: boolean): number[];
  bytes(piece: string): Uint8Array;
  /** Encoding puts a space in front, decoding drops it. */
  readonly space: boolean;
  readonly begins: boolean;
  /** What stands around a text, where the kind of tokenizer says so and not the file. */
  readonly around?: readonly [begin: number, end: number];
}

/**
 * The tokenizer that a GGUF file carries: pieces with scores (`llama`, as SentencePiece merges them), bytes with merges
 * (`gpt2`, with the words of `tokenizer.ggml.pre`), or the longest pieces of words (`bert`: WordPiece, in small letters).
 *
 * @param rows of the embedding table: there are no more pieces
 * @throws {FormatError} if a part is missing, of the wrong length or kind, contradicts another, or is not supported.
 * @see the GGUF specification, "Tokenizer"; llama.cpp, src/llama-vocab.cpp
 */
export function createGgufTokenizer(metadata: TokenizerMetadata, rows = Infinity): Tokenizer {
  const model = metadata.get('tokenizer.ggml.model');
  const make = makers.get(model);
  if (!make)
    throw new FormatError(
      FORMAT,
      `tokenizer.ggml.model ${shown(model)} is not supported: ${[...makers.keys()].join(', ')} are; give a tokenizer.json instead`,
    );
  const all = readPieces(metadata, rows);
  const words = make(metadata, all);
  const flag = (name: string, fallback: boolean): boolean => {
    const value = metadata.get(`tokenizer.ggml.${name}`) ?? fallback;
    if (typeof value !== 'boolean')
      throw new FormatError(FORMAT, `tokenizer.ggml.${name} must be true or false, it is ${shown(value)}`);
    return value;
  };
  const around = (add: boolean, id: number | undefined, name: string): number[] => {
    if (add && id === undefined)
      throw new FormatError(
        FORMAT,
        `tokenizer.ggml.add_${name}_token is true, and there is no ${name}_token_id`,
      );
    return add ? [id!] : [];
  };
  const begin = around(flag('add_bos_token', words.begins && all.bos !== undefined), all.bos, 'bos');
  const end = around(flag('add_eos_token', false), all.eos, 'eos');
  if (!words.around) return tokenizerOf(all, words, begin, end);
  const [first, last] = words.around;
  return tokenizerOf({ ...all, bos: first, eos: last }, words, [first], [last]);
}

function tokenizerOf(all: Pieces, words: Words, begin: readonly number[], end: readonly number[]): Tokenizer {
  const { pieces, ids, type, rows, bos, eos } = all;
  const alone = (id: number): boolean =>
    type(id) === types.control || type(id) === types.userDefined || type(id) === types.unknown;
  const cut = cutter(new Map([...ids].filter(([, id]) => alone(id))));
  const size = Number.isFinite(rows) ? rows : pieces.length;
  const stream = (): TextStream => {
    let first = true;
    return pieceStream(size, (id) => {
      // rows without a piece fill up the table
      if (id >= pieces.length || type(id) === types.control || type(id) === types.unknown) return noBytes;
      const bytes =
        type(id) === types.userDefined ? new TextEncoder().encode(pieces[id]) : words.bytes(pieces[id]!);
      const drops = first && words.space && bytes[0] === 0x20;
      first = false;
      return drops ? bytes.subarray(1) : bytes;
    });
  };
  return {
    size,
    bos,
    eos,
    encode(text, { special = true } = {}) {
      let afterSpecial = true;
      const inside = cut(text).flatMap((part) => {
        const found = typeof part === 'string' ? words.encode(part, afterSpecial) : [part.id];
        afterSpecial = typeof part !== 'string';
        return found;
      });
      return special ? [...begin, ...inside, ...end] : inside;
    },
    piece: (id) => pieces[id] ?? '',
    decode: (list) => decodeAll(list, size, stream()),
    stream,
  };
}

function readPieces(metadata: TokenizerMetadata, rows: number): Pieces {
  const pieces = listOf(metadata.get('tokenizer.ggml.tokens'));
  if (!Array.isArray(pieces) || pieces.length === 0 || !pieces.every((piece) => typeof piece === 'string'))
    throw new FormatError(FORMAT, `tokenizer.ggml.tokens must be a list of strings, it is ${shown(pieces)}`);
  if (pieces.length > rows)
    throw new FormatError(
      FORMAT,
      `there are ${pieces.length} pieces, and the embedding table has ${rows} rows: this is another model's tokenizer`,
    );
  const ids = new Map<string, number>();
  pieces.forEach((piece: string, id) => {
    if (ids.has(piece))
      throw new FormatError(FORMAT, `piece ${shown(piece)} is both ${ids.get(piece)} and ${id}`);
    ids.set(piece, id);
  });
  const kinds = numbers(metadata, 'token_type', pieces.length);
  kinds?.forEach((kind, id) => {
    if (!Object.values<number>(types).includes(kind))
      throw new FormatError(FORMAT, `tokenizer.ggml.token_type[${id}] must be from 1 to 6, it is ${kind}`);
  });
  const one = (name: string): number | undefined => {
    const key = `tokenizer.ggml.${name}_token_id`;
    const id = metadata.get(key);
    if (id === undefined) return undefined;
    if (Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < pieces.length)
      return id as number;
    throw new FormatError(FORMAT, `${key} must be one of the ${pieces.length} pieces, it is ${shown(id)}`);
  };
  const [bos, eos, unknown] = [one('bos'), one('eos'), one('unknown')];
  return { pieces, ids, type: (id) => kinds?.[id] ?? types.normal, rows, bos, eos, unknown };
}

/** A list of numbers, one for each piece; undefined where there is none. */
function numbers(metadata: TokenizerMetadata, name: string, length: number): readonly number[] | undefined {
  const key = `tokenizer.ggml.${name}`;
  const given = metadata.get(key);
  if (given === undefined) return undefined;
  const list =
    Array.isArray(given) || ArrayBuffer.isView(given) ? Array.from(given as ArrayLike<unknown>) : [];
  if (list.length !== length)
    throw new FormatError(
      FORMAT,
      `${key} must have one number for each of the ${length} pieces, it has ${list.length}`,
    );
  const wrong = list.findIndex((value) => typeof value !== 'number' || !Number.isFinite(value));
  if (wrong >= 0)
    throw new FormatError(FORMAT, `${key}[${wrong}] must be a number, it is ${shown(list[wrong])}`);
  return list as number[];
}

/**
 * SentencePiece's byte-pair encoding: characters, then the neighbours whose joined piece has the best score; what is no
 * piece in the end is written as bytes.
 * @see Kudo & Richardson 2018, "SentencePiece"
 */
function scoredWords(metadata: TokenizerMetadata, { pieces, ids, unknown }: Pieces): Words {
  const scores = numbers(metadata, 'scores', pieces.length);
  if (!scores)
    throw new FormatError(FORMAT, 'a tokenizer "llama" needs tokenizer.ggml.scores, and there are none');
  const rankOf = (left: string, right: string): number | undefined => {
    const id = ids.get(left + right);
    return id === undefined ? undefined : -scores[id]!;
  };
  const space = metadata.get('tokenizer.ggml.add_space_prefix') !== false;
  const utf8 = new TextEncoder();
  const written = (piece: string): number[] => {
    const id = ids.get(piece);
    if (id !== undefined) return [id];
    const bytes = Array.from(utf8.encode(piece), (byte) =>
      ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    );
    if (bytes.every((byte) => byte !== undefined)) return bytes;
    if (unknown !== undefined) return [unknown];
    return cannotWrite(piece);
  };
  // a merge reaches over a space only where a piece has it behind the same character: words are merged alone elsewhere
  const joined = new Set<string>([SPACE]);
  for (const piece of pieces)
    for (let at = piece.indexOf(SPACE, 1); at > 0; at = piece.indexOf(SPACE, at + 1))
      joined.add(piece[at - 1]!);
  const wordsIn = (marked: string): string[] => {
    const words: string[] = [];
    let from = 0;
    for (let at = marked.indexOf(SPACE, 1); at > 0; at = marked.indexOf(SPACE, at + 1)) {
      if (joined.has(marked[at - 1]!)) continue;
      words.push(marked.slice(from, at));
      from = at;
    }
    return [...words, marked.slice(from)];
  };
  return {
    space,
    begins: true,
    encode(text, afterSpecial) {
      const known = new Map<string, readonly number[]>();
      const marked = `${space && afterSpecial ? ' ' : ''}${text}`.replaceAll(' ', SPACE);
      return wordsIn(marked).flatMap((word) => {
        const found = known.get(word) ?? mergeNeighbours([...word], rankOf).flatMap(written);
        known.set(word, found);
        return found;
      });
    },
    bytes(piece) {
      const byte = byteOf(piece);
      return byte === undefined ? utf8.encode(piece.replaceAll(SPACE, ' ')) : Uint8Array.of(byte);
    },
  };
}

/** Byte-level byte-pair encoding: words, their bytes as letters, then the merges in their order. */
function mergedWords(metadata: TokenizerMetadata, { ids }: Pieces): Words {
  const name = metadata.get('tokenizer.ggml.pre') ?? 'gpt-2';
  if (typeof name !== 'string' || !Object.hasOwn(wordRules, name))
    throw new FormatError(
      FORMAT,
      `tokenizer.ggml.pre ${shown(name)} is not supported: ${Object.keys(wordRules).join(', ')}; give a tokenizer.json instead`,
    );
  const rules = wordRules[name]!;
  const merges = listOf(metadata.get('tokenizer.ggml.merges'));
  if (!Array.isArray(merges))
    throw new FormatError(FORMAT, `a tokenizer "gpt2" needs tokenizer.ggml.merges, it is ${shown(merges)}`);
  const ranks = new Map<string, number>();
  merges.forEach((merge: unknown, rank) => {
    const sides = typeof merge === 'string' ? merge.split(' ') : [];
    if (sides.length !== 2 || !ids.has(sides.join('')))
      throw new FormatError(
        FORMAT,
        `tokenizer.ggml.merges[${rank}] must be two pieces that make a third, it is ${shown(merge)}`,
      );
    if (!ranks.has(merge as string)) ranks.set(merge as string, rank);
  });
  const rankOf = (left: string, right: string): number | undefined => ranks.get(`${left} ${right}`);
  const written = (piece: string): number[] =>
    Array.from(ids.has(piece) ? [piece] : piece, (part) => ids.get(part) ?? cannotWrite(part)[0]!);
  const encodeWord = (word: string): readonly number[] => {
    const letters = toByteLetters(word);
    const whole = rules.wholeWords ? ids.get(letters.join('')) : undefined;
    return whole === undefined ? mergeNeighbours(letters, rankOf).flatMap(written) : [whole];
  };
  const space = metadata.get('tokenizer.ggml.add_space_prefix') === true;
  return {
    space,
    begins: rules.begins === true,
    encode(text, afterSpecial) {
      // the same few words again and again
      const known = new Map<string, readonly number[]>();
      const prefix = afterSpecial && space && !text.startsWith(' ') ? ' ' : '';
      return wordsOf(prefix + text, rules).flatMap((word) => {
        const found = known.get(word) ?? encodeWord(word);
        known.set(word, found);
        return found;
      });
    },
    bytes: fromByteLetters,
  };
}

/** WordPiece: what has no pieces is unknown, and a text stands between [CLS] and [SEP]. */
function longestPieces(metadata: TokenizerMetadata, { pieces, ids, unknown }: Pieces): Words {
  const longest = pieces.reduce((most, piece) => Math.max(most, piece.length), 1);
  // "seperator" is how the specification writes it
  const special = (piece: string, ...names: readonly string[]): number => {
    const keys = names.map((name) => `tokenizer.ggml.${name}_token_id`);
    const id = keys.map((key) => metadata.get(key)).find((each) => each !== undefined) ?? ids.get(piece);
    if (Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < pieces.length)
      return id as number;
    throw new FormatError(
      FORMAT,
      `a tokenizer "bert" needs ${piece} among its ${pieces.length} pieces, ${keys[0]} is ${shown(id)}`,
    );
  };
  const none = unknown ?? special('[UNK]');
  const utf8 = new TextEncoder();
  return {
    space: true,
    begins: true,
    around: [special('[CLS]', 'cls', 'bos'), special('[SEP]', 'seperator', 'eos')],
    encode: (text) => bertWords(text).flatMap((each) => wordPieces(each, ids, longest) ?? [none]),
    bytes: (piece) => utf8.encode(writtenPiece(piece)),
  };
}

/** By `tokenizer.ggml.model`. */
const makers: ReadonlyMap<unknown, (metadata: TokenizerMetadata, pieces: Pieces) => Words> = new Map([
  ['llama', scoredWords],
  ['gpt2', mergedWords],
  ['bert', longestPieces],
]);

function cannotWrite(piece: string): never {
  throw new ValueError('encode', 'text', 'must be of characters that the vocabulary has pieces for', piece);
}
