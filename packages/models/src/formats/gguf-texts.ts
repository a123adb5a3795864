/**
 * A long list of texts as one, cut where somebody asks: the vocabularies and merges of a GGUF file are a hundred thousand
 * strings, of which a model that is given ids needs none. Never throws.
 */
export class GgufTexts implements Iterable<string> {
  readonly length: number;
  readonly #text: string;
  /** Where each ends. */
  readonly #ends: Uint32Array;

  constructor(text: string, ends: Uint32Array) {
    this.#text = text;
    this.#ends = ends;
    this.length = ends.length;
  }

  /** Undefined where there is none. */
  at(n: number): string | undefined {
    const end = this.#ends[n];
    return end === undefined ? undefined : this.#text.slice(n === 0 ? 0 : this.#ends[n - 1], end);
  }

  *[Symbol.iterator](): Generator<string> {
    for (let n = 0; n < this.length; n++) yield this.at(n)!;
  }
}

/** A list of texts as an array, whether it is one or not; anything else as it is. Never throws. */
export function listOf(value: unknown): unknown {
  return value instanceof GgufTexts ? [...value] : value;
}
