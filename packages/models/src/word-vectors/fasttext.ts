import { FormatError } from '../errors.ts';
import { bytesOf } from '../formats/json.ts';
import { wordOf } from './lines.ts';
import { WordVectors } from './word-vectors.ts';

const FORMAT = 'fastText';
const MAGIC = 793_712_314;
const VERSION = 12;
/** Ends a sentence; it has no parts. */
const END = '</s>';

/** How the parts of words are found. */
interface Parts {
  /** Shortest and longest part, in characters. */
  readonly shortest: number;
  readonly longest: number;
  readonly buckets: number;
}

/**
 * Reads a fastText `.bin`: words, and the buckets of their parts, so that words never seen have vectors too.
 *
 * ```text
 * vector(word) = mean of its row and of the rows V + hash(part) mod buckets      for parts of <word> of minn … maxn characters
 * ```
 *
 * @throws {FormatError} if it is cut, longer than it says, quantized (`.ftz`), or a word stands twice.
 * @see Bojanowski et al. 2016, section 3.2, {@link https://arxiv.org/abs/1607.04606}; the order of the fields is that of
 * `FastText::saveModel` of fastText 0.9
 */
export function readFastText(file: Uint8Array): WordVectors {
  const read = new Fields(bytesOf(file, FORMAT));
  const magic = read.int32('its magic number');
  if (magic !== MAGIC) throw new FormatError(FORMAT, `must begin with ${MAGIC}, it begins with ${magic}`);
  const version = read.int32('its version');
  if (version !== VERSION)
    throw new FormatError(
      FORMAT,
      `version ${version} is not supported, only ${VERSION} (fastText 0.2 and later)`,
    );
  const names = [
    'dim',
    'ws',
    'epoch',
    'minCount',
    'neg',
    'wordNgrams',
    'loss',
    'model',
    'bucket',
    'minn',
    'maxn',
  ];
  const options = Object.fromEntries(names.map((name) => [name, read.int32(name)])) as Record<string, number>;
  read.skip(4 + 8, 'lrUpdateRate and t');
  const words = readWords(read);
  const width = options.dim!;
  const parts = { shortest: options.minn!, longest: options.maxn!, buckets: options.bucket! };
  if (width < 1 || parts.buckets < 0 || (parts.longest > 0 && parts.shortest < 0))
    throw new FormatError(
      FORMAT,
      `dim ${width}, bucket ${parts.buckets}, minn ${parts.shortest} make no model`,
    );
  if (parts.longest > 0 && parts.buckets === 0)
    throw new FormatError(FORMAT, `maxn is ${parts.longest}, and there are no buckets for parts`);
  if (read.byte('quant_input') !== 0)
    throw new FormatError(FORMAT, 'it is quantized (.ftz), which is not supported; give the .bin');
  const rows = words.length + parts.buckets;
  const table = readMatrix(read, 'input', [rows, width]);
  if (read.byte('qout') !== 0)
    throw new FormatError(FORMAT, 'its output is quantized, which is not supported');
  readMatrix(read, 'output', [undefined, width]);
  read.end();

  const mean = (ids: readonly number[]): Float32Array => {
    const sum = new Float32Array(width);
    for (const id of ids) for (let i = 0; i < width; i++) sum[i]! += table[id * width + i]!;
    return ids.length === 0 ? sum : sum.map((value) => value / ids.length);
  };
  const partIds = (word: string): number[] =>
    word === END ? [] : partsOf(word, parts).map((part) => words.length + (hash(part) % parts.buckets));
  const vectors = new Float32Array(words.length * width);
  for (const [id, word] of words.entries()) vectors.set(mean([id, ...partIds(word)]), id * width);
  return new WordVectors(FORMAT, {
    words,
    vectors,
    width,
    unseen: parts.longest > 0 ? (word) => mean(partIds(word)) : undefined,
  });
}

/** The words of the dictionary; labels, which stand among them, are for classifying. */
function readWords(read: Fields): string[] {
  const size = read.int32('the size of the dictionary');
  const nwords = read.int32('nwords');
  const nlabels = read.int32('nlabels');
  read.skip(8, 'ntokens');
  const pruned = read.int64('pruneidx_size');
  if (nwords < 0 || nlabels < 0 || size !== nwords + nlabels)
    throw new FormatError(FORMAT, `its dictionary of ${size} has ${nwords} words and ${nlabels} labels`);
  if (pruned > 0) throw new FormatError(FORMAT, 'its words are pruned, which only quantized models are');
  const words: string[] = [];
  for (let id = 0; id < size; id++) {
    const word = wordOf(FORMAT, read.zeroEnded(`word ${id} of ${size}`), id);
    read.skip(8, `the count of word ${id}`);
    const type = read.byte(`the type of word ${id}`);
    if (type !== (id < nwords ? 0 : 1))
      throw new FormatError(
        FORMAT,
        `entry ${id} must be a ${id < nwords ? 'word' : 'label'}, its type is ${type}`,
      );
    if (id < nwords) words.push(word);
  }
  return words;
}

function readMatrix(
  read: Fields,
  name: string,
  [rows, width]: readonly [number | undefined, number],
): Float32Array {
  const [m, n] = [read.int64(`rows of ${name}`), read.int64(`columns of ${name}`)];
  if (n !== width || (rows !== undefined && m !== rows) || m < 0)
    throw new FormatError(
      FORMAT,
      `its ${name} matrix must be [${rows ?? 'rows'}, ${width}], it is [${m}, ${n}]`,
    );
  return read.float32s(m * n, `the ${name} matrix`);
}

/** The parts of `<word>`, as UTF-8: all runs of so many characters, but for a mark of the end alone. */
export function partsOf(
  word: string,
  { shortest, longest }: Pick<Parts, 'shortest' | 'longest'>,
): Uint8Array[] {
  const characters = [...`<${word}>`];
  const utf8 = new TextEncoder();
  const parts: Uint8Array[] = [];
  for (let from = 0; from < characters.length; from++)
    for (let n = Math.max(1, shortest); n <= longest && from + n <= characters.length; n++) {
      const isMark = n === 1 && (from === 0 || from + n === characters.length);
      if (!isMark) parts.push(utf8.encode(characters.slice(from, from + n).join('')));
    }
  return parts;
}

/** FNV-1a over bytes that are taken as signed, as fastText has it. */
export function hash(bytes: Uint8Array): number {
  let h = 2_166_136_261;
  for (const byte of bytes) h = Math.imul(h ^ ((byte << 24) >> 24), 16_777_619);
  return h >>> 0;
}

/** Fields one after the other, none beyond the end. */
class Fields {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  int32(name: string): number {
    return this.#view.getInt32(this.skip(4, name), true);
  }

  int64(name: string): number {
    const value = this.#view.getBigInt64(this.skip(8, name), true);
    if (value < -1n || value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new FormatError(FORMAT, `${name} ${value} is out of range`);
    return Number(value);
  }

  byte(name: string): number {
    return this.#bytes[this.skip(1, name)]!;
  }

  zeroEnded(name: string): Uint8Array {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw this.#truncated(name);
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return bytes;
  }

  float32s(count: number, name: string): Float32Array {
    const from = this.skip(4 * count, name);
    const copy = this.#bytes.slice(from, from + 4 * count);
    return new Float32Array(copy.buffer, copy.byteOffset, count);
  }

  /** @returns where it began */
  skip(size: number, name: string): number {
    const from = this.#at;
    if (from + size > this.#bytes.length) throw this.#truncated(name);
    this.#at += size;
    return from;
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new FormatError(FORMAT, `${left} bytes stand behind its end`);
  }

  #truncated(name: string): FormatError {
    return new FormatError(FORMAT, `truncated in ${name}, at byte ${this.#at} of ${this.#bytes.length}`);
  }
}
