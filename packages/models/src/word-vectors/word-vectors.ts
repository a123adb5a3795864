import { type Device, gather, type Tensor, tensor, ValueError } from '@headwise/tensor';
import { FormatError } from '../errors.ts';
import type { HostTensor } from '../formats/safetensors.ts';

/** A word and how near it is. */
export interface NearWord {
  readonly word: string;
  /** Cosine, from −1 to 1. */
  readonly similarity: number;
}

/** How many words are wanted. */
export interface NearOptions {
  /** Default 10. */
  readonly count?: number | undefined;
  /** Words that are not to be named. Default those of the question. */
  readonly without?: readonly string[] | undefined;
}

/** What a reader found in a file. */
export interface WordTable {
  readonly words: readonly string[];
  /** `[V, E]`, one row a word. */
  readonly vectors: Float32Array;
  readonly width: number;
  /** The vector of a word that is not among them; undefined where nothing is known of it. Default none. */
  readonly unseen?: ((word: string) => Float32Array | undefined) | undefined;
}

/**
 * Vectors of words: of like meaning where they are near, of like relation where their differences are.
 *
 * @example
 * const vectors = readGlove(await readFile('glove.6B.50d.txt'));
 * vectors.analogy(['king', 'woman'], ['man'])[0]; // { word: 'queen', … }
 *
 * @see Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space",
 * {@link https://arxiv.org/abs/1301.3781}; Pennington et al. 2014, "GloVe"; Bojanowski et al. 2016, "Enriching Word
 * Vectors with Subword Information", {@link https://arxiv.org/abs/1607.04606}
 */
export class WordVectors {
  /** In the order of the file, which is mostly that of their frequency: the id of a word is its place. */
  readonly words: readonly string[];
  /** `E` */
  readonly width: number;
  readonly #table: WordTable;
  readonly #ids: ReadonlyMap<string, number>;
  #lengths: Float64Array | undefined;

  /** @throws {FormatError} if a word stands twice, or a number is not finite. */
  constructor(format: string, table: WordTable) {
    const ids = new Map<string, number>();
    table.words.forEach((word, id) => {
      if (ids.has(word))
        throw new FormatError(
          format,
          `the word ${JSON.stringify(word)} stands twice, as ${ids.get(word)} and ${id}`,
        );
      ids.set(word, id);
    });
    const wrong = table.vectors.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      const word = table.words[Math.floor(wrong / table.width)];
      throw new FormatError(
        format,
        `number ${wrong % table.width} of ${JSON.stringify(word)} must be finite, it is ${table.vectors[wrong]}`,
      );
    }
    this.words = table.words;
    this.width = table.width;
    this.#table = table;
    this.#ids = ids;
  }

  /** Whether the file has the word; a vector there may be of others too. Never throws. */
  has(word: string): boolean {
    return this.#ids.has(word);
  }

  /** The id of a word, its row in `table`; undefined where the file has none. Never throws. */
  id(word: string): number | undefined {
    return this.#ids.get(word);
  }

  /** `[E]`; of a word never seen from its parts, where the file knows of parts. Undefined without. Never throws. */
  vector(word: string): Float32Array | undefined {
    const id = this.#ids.get(word);
    if (id === undefined) return this.#table.unseen?.(word);
    return this.#table.vectors.slice(id * this.width, (id + 1) * this.width);
  }

  /**
   * The cosine of two words.
   * @throws {ValueError} for a word without a vector.
   */
  similarity(a: string, b: string): number {
    const [x, y] = [this.#unit(a), this.#unit(b)];
    return x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  }

  /**
   * The words nearest to a word, or to a vector `[E]`.
   * @throws {ValueError} for a word without a vector, or a vector of another width.
   */
  nearest(to: string | ArrayLike<number>, options: NearOptions = {}): NearWord[] {
    if (typeof to === 'string') return this.#near(this.#unit(to), { without: [to], ...options });
    if (to.length !== this.width)
      throw new ValueError('nearest', 'to', `must have ${this.width} numbers`, to.length);
    return this.#near(unit(to), options);
  }

  /**
   * The words nearest to a sum of some words less others, each of length 1: `analogy(['king', 'woman'], ['man'])`.
   * Mikolov et al. 2013, "Linguistic Regularities in Continuous Space Word Representations", section 4.
   * @throws {ValueError} for a word without a vector.
   */
  analogy(plus: readonly string[], minus: readonly string[] = [], options: NearOptions = {}): NearWord[] {
    const sum = new Float64Array(this.width);
    for (const [words, sign] of [
      [plus, 1],
      [minus, -1],
    ] as const)
      for (const word of words) this.#unit(word).forEach((value, i) => void (sum[i]! += sign * value));
    return this.#near(unit(sum), { without: [...plus, ...minus], ...options });
  }

  /** The table `[V, E]` as a tensor of a file: an `embed` for a model over these words. Never throws. */
  table(): HostTensor {
    return { dtype: 'F32', shape: [this.words.length, this.width], data: this.#table.vectors };
  }

  /**
   * An embedding on a device. @throws {DeviceError} if it has no room.
   */
  embedding(device: Device): WordEmbedding {
    return new WordEmbedding(this, tensor(device, this.#table.vectors, [this.words.length, this.width]));
  }

  #unit(word: string): Float64Array {
    const vector = this.vector(word);
    if (vector) return unit(vector);
    throw new ValueError('word vectors', 'word', `must be one of the ${this.words.length} of the file`, word);
  }

  #near(to: Float64Array, { count = 10, without = [] }: NearOptions): NearWord[] {
    const { vectors, words } = this.#table;
    const { width } = this;
    this.#lengths ??= Float64Array.from(words, (_, id) =>
      length(vectors.subarray(id * width, (id + 1) * width)),
    );
    const hidden = new Set(without);
    const best: NearWord[] = [];
    for (const [id, word] of words.entries()) {
      let dot = 0;
      for (let i = 0; i < width; i++) dot += to[i]! * vectors[id * width + i]!;
      const similarity = dot / (this.#lengths[id]! || 1);
      if (hidden.has(word) || (best.length === count && similarity <= (best.at(-1)?.similarity ?? Infinity)))
        continue;
      const at = best.findIndex((other) => other.similarity < similarity);
      best.splice(at < 0 ? best.length : at, 0, { word, similarity });
      if (best.length > count) best.pop();
    }
    return best;
  }
}

/** Words to rows of their vectors, on a device. */
export class WordEmbedding implements Disposable {
  constructor(
    readonly vectors: WordVectors,
    /** `[V, E]` */
    readonly weight: Tensor<'V E'>,
  ) {}

  /**
   * `[L, E]`, one row a word; a word never seen is made of its parts, where the file knows of parts.
   * @throws {ValueError} for a word without a vector.
   */
  encode(words: readonly string[]): Tensor<'L E'> {
    const { device } = this.weight;
    const ids = words.map((word) => this.vectors.id(word));
    if (ids.every((id) => id !== undefined))
      return gather<'L E'>(this.weight, tensor(device, Int32Array.from(ids), [ids.length]));
    const rows = words.map((word) => {
      const vector = this.vectors.vector(word);
      if (vector) return vector;
      throw new ValueError(
        'word embedding',
        'word',
        `must be one of the ${this.vectors.words.length} of the file`,
        word,
      );
    });
    const all = new Float32Array(rows.length * this.vectors.width);
    for (const [i, row] of rows.entries()) all.set(row, i * row.length);
    return tensor<'L E'>(device, all, [rows.length, this.vectors.width]);
  }

  /** Frees the table. Never throws. */
  dispose(): void {
    this.weight.dispose();
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function unit(vector: ArrayLike<number>): Float64Array {
  const size = length(vector) || 1;
  return Float64Array.from(vector, (value) => value / size);
}

function length(vector: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! ** 2;
  return Math.sqrt(sum);
}
