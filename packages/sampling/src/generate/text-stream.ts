/** Tokens before the output that are decoded with it, so that leading spaces come out as in the whole text. */
const leading = 5;
/** A window of more tokens is shortened where that is safe, which decodes a second time. */
const longWindow = 16;
/** What decoders give for an unfinished character: one of these, or one for each of its at most 3 bytes. */
const replacement = '\uFFFD';
const longestTail = 3;

/**
 * Turns ids into text one at a time, though neither characters nor words end where tokens do: decodes a short
 * window of the last tokens and gives out what is new, all but a last character that may still be unfinished.
 *
 * ```text
 * window   … prompt and output …
 * decoded  [ given out already | certain since this token | tail: up to 3 U+FFFD, an unfinished character ]
 * ```
 */
export class TextStream {
  readonly #decode: (ids: readonly number[]) => string;
  #window: number[];
  /** Of the window's text, how much is the prompt's or given out. */
  #given: number;
  /** The tail of the prompt: not to be given out again, but for the character it turns out to begin. */
  #promptTail: string;

  /** @param prompt what the output follows; only its last tokens are looked at. Throws what `decode` throws. */
  constructor(decode: (ids: readonly number[]) => string, prompt: readonly number[]) {
    this.#decode = decode;
    this.#window = prompt.slice(-leading);
    const text = this.#window.length === 0 ? '' : decode(this.#window);
    this.#given = text.length - tailOf(text);
    this.#promptTail = text.slice(this.#given);
  }

  /** Text that is certain since this token. Throws what `decode` throws. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#decode(this.#window);
    const tail = tailOf(text);
    const fresh = this.#take(text, text.length - tail);
    if (this.#window.length > longWindow) this.#shorten(tail);
    return fresh;
  }

  /** What was held back. Throws what `decode` throws. */
  end(): string {
    if (this.#window.length === 0) return '';
    const text = this.#decode(this.#window);
    return this.#take(text, text.length);
  }

  /** The text up to `end` that was not given out, without what the prompt's tail already showed. */
  #take(text: string, end: number): string {
    if (end <= this.#given) return '';
    const fresh = text.slice(this.#given, end);
    this.#given = end;
    let same = 0;
    while (same < fresh.length && same < this.#promptTail.length && fresh[same] === replacement) same++;
    // what differs from the tail is the character that the prompt began, and belongs to the output
    this.#promptTail = same === fresh.length ? this.#promptTail.slice(same) : '';
    return fresh.slice(same);
  }

  /** Keeps the last tokens only, where they show the same tail: they may begin inside a character, but not in it. */
  #shorten(tail: number): void {
    const window = this.#window.slice(-leading);
    const text = this.#decode(window);
    const begun = tail > 0 && text.length <= tail;
    if (tailOf(text) !== tail || begun || this.#promptTail !== '') return;
    this.#window = window;
    this.#given = text.length - tail;
  }
}

/** How many of the last characters may be an unfinished one. */
function tailOf(text: string): number {
  let tail = 0;
  while (tail < longestTail && text[text.length - 1 - tail] === replacement) tail++;
  return tail;
}
