import { ValueError } from '@headwise/tensor';
import { type Deadline, guarded } from '../deadline.ts';
import { FormatError } from '../errors.ts';
import { shown } from '../formats/json.ts';
import type { EncodeTextOptions, TextPair, TextStream, Tokenizer } from './contract.ts';
import { readPieceBytes } from './huggingface-decoder.ts';
import { readHuggingFaceFile } from './huggingface-file.ts';
import { readFrame } from './huggingface-frame.ts';
import { FORMAT, objectOf } from './huggingface-steps.ts';
import { decodeAll, noBytes, pieceStream } from './pieces.ts';

/** The class `Tokenizer` of `@huggingface/tokenizers`, as far as it is used here. */
export type HuggingFaceLibrary = new (
  json: object,
  config: object,
) => {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: readonly unknown[] };
  decode(
    ids: number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
};

/** What a tokenizer is made of. */
export interface HuggingFaceOptions {
  /** `import { Tokenizer } from '@huggingface/tokenizers'`. This package brings none: most models need none. */
  readonly Tokenizer: HuggingFaceLibrary;
  /** `tokenizer.json`, parsed. */
  readonly json: unknown;
  /** `tokenizer_config.json`, parsed: which pieces begin and end a text. */
  readonly config?: unknown;
  /** Rows of the embedding table: every id is below. Default the ids of the file. */
  readonly rows?: number | undefined;
  /** For files of strangers, whose expressions may never end. Default none. */
  readonly deadline?: Deadline | undefined;
}

/** To make the library's tables, and for each piece of them: 256 000 take a second on a machine that is idle. */
const MAKE_MS = 2000;
const PIECE_MS = 0.05;
/** To encode or decode: an honest file takes microseconds a character. */
const CALL_MS = 2000;
const CHARACTER_MS = 0.05;

/**
 * A tokenizer from Hugging Face's `tokenizer.json`: BPE, WordPiece or Unigram. The library makes the ids of a text; what
 * stands around it, the text of ids and all checks are ours.
 *
 * @throws {FormatError} if the file contradicts itself, has ids beyond the rows, or a step that is not known, or
 * if the configuration names a piece that is not there.
 */
export function createHuggingFaceTokenizer(options: HuggingFaceOptions): Tokenizer {
  const { Tokenizer: Library, config, rows = Infinity } = options;
  const run = guarded(FORMAT, options.deadline);
  const { json, postProcessor, pieces, ids, added } = readHuggingFaceFile(options.json);
  const largest = largestId(pieces, added, rows);
  const frame = readFrame(postProcessor, ids);
  const library = run(() => new Library(json, {}), MAKE_MS + Math.ceil(PIECE_MS * pieces.size));
  const size = Number.isFinite(rows) ? rows : largest + 1;

  const plain = (text: string): number[] => {
    const most = CALL_MS + Math.ceil(CHARACTER_MS * text.length);
    const encoded = run(() => library.encode(text, { add_special_tokens: false }), most);
    return encoded.ids.map((id) => checked(id, rows));
  };
  const special = new Set(added.flatMap((piece) => (piece.special ? [piece.id] : [])));
  const stream = textStream({ library, run, size, pieces, special, decoder: json.decoder });
  const idOf = (key: string): number | undefined => {
    const named = objectOf(config)?.[key];
    if (named === undefined || named === null) return undefined;
    const piece = typeof named === 'string' ? named : objectOf(named)?.content;
    if (typeof piece === 'string' && ids.has(piece)) return ids.get(piece);
    throw new FormatError(
      'tokenizer_config.json',
      `${key} ${shown(piece ?? named)} is no piece of the vocabulary`,
    );
  };
  const framed = (first: readonly number[], second?: readonly number[]): TextPair => {
    const pair = frame(first, second);
    for (const id of pair.ids) checked(id, rows);
    return pair;
  };
  return {
    size,
    bos: idOf('bos_token'),
    eos: idOf('eos_token'),
    encode: (text, { special: around = true }: EncodeTextOptions = {}) =>
      around ? framed(plain(text)).ids : plain(text),
    encodePair: (first, second) => framed(plain(first), plain(second)),
    piece: (id) => pieces.get(id) ?? '',
    decode: (list) => decodeAll(list, size, stream()),
    stream,
  };
}

/** Pieces of the model itself must have a row; an added one may lie beyond, and is refused when a text has it. */
function largestId(
  pieces: ReadonlyMap<number, string>,
  added: readonly { readonly id: number }[],
  rows: number,
): number {
  const beyond = new Set(added.map(({ id }) => id));
  let largest = 0;
  for (const [id, piece] of pieces) {
    largest = Math.max(largest, id);
    if (id >= rows && !beyond.has(id))
      throw new FormatError(
        FORMAT,
        `${JSON.stringify(piece)} is ${id}, and the embedding table has ${rows} rows: this is another model's tokenizer`,
      );
  }
  return largest;
}

function checked(id: unknown, rows: number): number {
  if (!Number.isSafeInteger(id))
    throw new ValueError('encode', 'text', 'must be of characters that the vocabulary has pieces for', id);
  if ((id as number) >= rows)
    throw new ValueError('encode', 'id', `must be below ${rows}, the rows of the embedding table`, id);
  return id as number;
}

interface StreamOptions {
  readonly library: InstanceType<HuggingFaceLibrary>;
  readonly run: Deadline;
  readonly size: number;
  readonly pieces: ReadonlyMap<number, string>;
  readonly special: ReadonlySet<number>;
  readonly decoder: unknown;
}

function textStream({ library, run, size, pieces, special, decoder }: StreamOptions): () => TextStream {
  const bytesOf = readPieceBytes(decoder);
  if (bytesOf)
    return () => {
      let first = true;
      return pieceStream(size, (id) => {
        const piece = pieces.get(id);
        // rows without a piece fill up the table
        if (piece === undefined || special.has(id)) return noBytes;
        const bytes = bytesOf(piece, first);
        first = false;
        return bytes;
      });
    };
  // the text of a piece hangs on what follows: it is told when it no longer changes
  return () => {
    const ids: number[] = [];
    let told = '';
    const options = { skip_special_tokens: true, clean_up_tokenization_spaces: false };
    const utf8 = new TextEncoder();
    const whole = (): string =>
      ids.length === 0 ? '' : run(() => library.decode([...ids], options), CALL_MS);
    const bytes = pieceStream(size, (id) => {
      const before = whole();
      if (pieces.has(id) && !special.has(id)) ids.push(id);
      const after = whole();
      let same = told.length;
      while (same < Math.min(before.length, after.length) && before[same] === after[same]) same += 1;
      const more = before.slice(told.length, same);
      told += more;
      return utf8.encode(more);
    });
    return { push: bytes.push, end: () => bytes.end() + whole().slice(told.length) };
  };
}
