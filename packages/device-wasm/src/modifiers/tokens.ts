const PATTERN =
  /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*(?:(?<number>0[xob][\da-f_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[-+]?\d+)?)|(?<name>[\p{ID_Start}_$][\p{ID_Continue}$]*)|(?<sign>[-+*/]=|\+\+|--|[=!]==?|<=|>=|&&|\|\||[-+*/%<>!?:=(){},;.])|$)/iuy;

/** The tokens of a modifier, one after the other. */
export class Tokens {
  readonly #source: string;
  #at = 0;
  #end = 0;
  #text = '';
  #kind: 'number' | 'name' | 'sign' | 'end' = 'end';

  constructor(source: string) {
    this.#source = source;
    this.#advance();
  }

  /** The text of the one that comes next; empty at the end. */
  get next(): string {
    return this.#text;
  }

  get isNumber(): boolean {
    return this.#kind === 'number';
  }

  /** Takes the next one if it is this. */
  has(text: string): boolean {
    if (this.#text !== text || this.#kind === 'end') return false;
    this.#advance();
    return true;
  }

  /** Takes the next one if it is one of these. */
  any(...texts: readonly string[]): string | undefined {
    const text = this.#text;
    return texts.includes(text) && this.has(text) ? text : undefined;
  }

  /** @throws {SyntaxError} unless the next one is this. */
  take(text: string): void {
    if (!this.has(text)) this.refuse(`expects ${text}`);
  }

  /** @throws {SyntaxError} unless a name comes next. */
  name(): string {
    const text = this.#text;
    if (this.#kind !== 'name') this.refuse('expects a name');
    this.#advance();
    return text;
  }

  /** @throws {SyntaxError} unless a number comes next. */
  number(): number {
    const value = Number(this.#text.replaceAll('_', ''));
    if (this.#kind !== 'number' || Number.isNaN(value)) this.refuse('expects a number');
    this.#advance();
    return value;
  }

  /** @throws {SyntaxError} unless there is nothing more. */
  end(): void {
    if (this.#kind !== 'end') this.refuse('is not one function expression');
  }

  /** @throws {SyntaxError} at the next token. */
  refuse(problem: string): never {
    const before = this.#source.slice(0, this.#at).split('\n');
    throw new SyntaxError(`${before.length}:${before.at(-1)!.length + 1}: ${problem}`);
  }

  #advance(): void {
    PATTERN.lastIndex = this.#end;
    const found = PATTERN.exec(this.#source);
    const { number, name, sign } = found?.groups ?? {};
    this.#text = number ?? name ?? sign ?? '';
    this.#at = found ? found.index + found[0].length - this.#text.length : this.#end;
    this.#end = found ? found.index + found[0].length : this.#end;
    this.#kind =
      number !== undefined ? 'number' : name !== undefined ? 'name' : sign !== undefined ? 'sign' : 'end';
    if (!found) this.refuse('is a character that the dialect does not have');
  }
}
