/** Tokens before the output that are decoded with it, so that leading spaces come out as in the whole text. */
const leading = 5;
/** A character has at most 4 bytes; a text that still ends in U+FFFD after more tokens than that really is broken. */
const patience = 8;

/**
 * Turns ids into text one at a time, though neither characters nor words end where tokens do: decodes a short
 * window twice, without and with the new token, and gives out the difference once it no longer ends in the
 * middle of a character.
 */
export class TextStream {
  readonly #decode: (ids: readonly number[]) => string;
  #window: number[];
  /** Tokens at the start of the window whose text is out already. */
  #given: number;

  constructor(decode: (ids: readonly number[]) => string, prompt: readonly number[]) {
    this.#decode = decode;
    this.#window = prompt.slice(-leading);
    this.#given = this.#window.length;
  }

  /** Text that is certain since this token. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#difference();
    const unfinished =
      text === '' || (text.endsWith('\uFFFD') && this.#window.length - this.#given <= patience);
    if (unfinished) return '';
    this.#window = this.#window.slice(this.#given);
    this.#given = this.#window.length;
    return text;
  }

  /** What was held back. */
  end(): string {
    const text = this.#difference();
    this.#given = this.#window.length;
    return text;
  }

  #difference(): string {
    if (this.#given === this.#window.length) return '';
    const before = this.#decode(this.#window.slice(0, this.#given));
    return this.#decode(this.#window).slice(before.length);
  }
}
