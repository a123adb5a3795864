/** Text to ids and back. */
export interface Tokenizer {
  /** `V`, how many ids there are. */
  readonly size: number;
  /** Begin-of-sequence; undefined where the model has none. */
  readonly bos: number | undefined;
  /** Ends a text. */
  readonly eos: number | undefined;
  /**
   * Ids of a text, with what the model was trained to see around one (`<s> …`, `[CLS] … [SEP]`). Pieces that stand for
   * themselves are read as such wherever they stand in it.
   * @throws {ValueError} for a text that the vocabulary cannot write.
   */
  encode(text: string, options?: EncodeTextOptions): number[];
  /**
   * Two texts as one input, a question and a passage, with the kind of each token. Absent where models read
   * one.
   * @throws {ValueError} as `encode`.
   */
  encodePair?(first: string, second: string): TextPair;
  /** The piece of an id as its file has it; `bos`'s is `<s>`, say. Empty where a row has none. Never throws. */
  piece(id: number): string;
  /**
   * Text of ids. Pieces that stand for themselves (`bos`, `eos`, …) are nothing, and a space that encoding put in front
   * is dropped.
   * @throws {ValueError} for an id outside the vocabulary.
   */
  decode(ids: readonly number[]): string;
  /**
   * Decodes id by id, holding back the bytes of a character until it is whole, over however many ids. A text that goes
   * on after a prompt takes the prompt's ids first: they may end inside a character. Never throws; its `push` does.
   * Never throws.
   */
  stream(): TextStream;
}

/** How a text is encoded. */
export interface EncodeTextOptions {
  /** With what the model was trained to see around a text. Default true; false for a piece of a longer text. */
  readonly special?: boolean | undefined;
}

/** Two texts as one input. */
export interface TextPair {
  readonly ids: number[];
  /** 0 for the first text, 1 for the second, as BERT's segments. */
  readonly types: number[];
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
