import { SamplingError, show } from '../errors.ts';
import { clip } from './clip.ts';
import {
  complement,
  type Expression,
  empty,
  type Grammar,
  inOrder,
  literal,
  normalize,
  oneOf,
  type Range,
  repeat,
  rule,
  set,
} from './expression.ts';

const escapes: ReadonlyMap<string, number> = new Map(
  Object.entries({
    n: 10,
    r: 13,
    t: 9,
    '\\': 0x5c,
    '"': 0x22,
    '[': 0x5b,
    ']': 0x5d,
    '-': 0x2d,
    '^': 0x5e,
  }),
);
const hexDigits: ReadonlyMap<string, number> = new Map(Object.entries({ x: 2, u: 4, U: 8 }));
/** Groups within groups: more is no grammar a person wrote, and would exhaust the stack. */
const deepest = 400;
const mostTimes = 2 ** 31 - 1;
const nameAndSign = /[a-zA-Z0-9_][a-zA-Z0-9_-]*/y;
const definition = /[a-zA-Z0-9_][a-zA-Z0-9_-]*[ \t]*::=/y;

/** @throws {SamplingError} with line and column if the text is no grammar. */
export function parseGbnf(source: string): Grammar {
  if (typeof source !== 'string')
    throw new SamplingError('gbnf', `needs a grammar as a string, got ${show(source)}`);
  return new GbnfParser(source).parse();
}

class GbnfParser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Grammar {
    const rules = new Map<string, Expression>();
    this.#skip();
    while (this.#at < this.#source.length) {
      const name = this.#match(nameAndSign);
      if (!name) this.#fail('a rule must begin with its name');
      this.#skip();
      if (!this.#source.startsWith('::=', this.#at)) this.#fail(`"${name}" must be followed by ::=`);
      if (rules.has(name)) this.#fail(`the rule "${name}" is there twice`);
      this.#at += 3;
      this.#skip();
      rules.set(name, this.#alternatives());
      if (this.#peek() === ')') this.#fail('there is no open group to close');
    }
    return { root: 'root', rules };
  }

  #alternatives(): Expression {
    const options = [this.#sequence()];
    while (this.#peek() === '|') {
      this.#at++;
      this.#skip();
      options.push(this.#sequence());
    }
    return oneOf(options);
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    for (;;) {
      const char = this.#peek();
      if (char === undefined || char === '|' || char === ')' || this.#startsRule()) break;
      let item = this.#item();
      this.#skip();
      let quantifiers = 0;
      for (let times = this.#quantifier(); times; times = this.#quantifier()) {
        if (++quantifiers > deepest) this.#fail(`more than ${deepest} quantifiers follow each other`);
        item = repeat(item, ...times);
        this.#skip();
      }
      items.push(item);
    }
    return inOrder(items);
  }

  #item(): Expression {
    const char = this.#peek();
    if (char === '"') return this.#literal();
    if (char === '[') return this.#characterClass();
    if (char === '.') {
      this.#at++;
      return set(...complement([]));
    }
    if (char === '(') {
      this.#at++;
      this.#skip();
      if (++this.#depth > deepest) this.#fail(`groups are nested more than ${deepest} deep`);
      const inside = this.#alternatives();
      this.#depth--;
      if (this.#peek() !== ')') this.#fail('a group is not closed');
      this.#at++;
      return inside;
    }
    if (char === '<' || char === '!') {
      this.#fail('token terminals are not supported; write the text of the token as a literal');
    }
    const name = this.#match(nameAndSign);
    if (!name) this.#fail(`unexpected ${JSON.stringify(char)}`);
    return rule(name);
  }

  #quantifier(): readonly [min: number, max: number] | undefined {
    const char = this.#peek();
    const times = ({ '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] } as const)[char ?? ''];
    if (times) {
      this.#at++;
      return times;
    }
    if (char !== '{') return undefined;
    const braces = this.#match(/\{\s*\d+\s*(,\s*\d*\s*)?\}/y);
    if (!braces) this.#fail('a repetition is written {m}, {m,} or {m,n}');
    const [min, max] = braces.slice(1, -1).split(',');
    const least = Number(min);
    const most = max === undefined ? least : max.trim() === '' ? Infinity : Number(max);
    if (least > mostTimes || (most > mostTimes && max?.trim() !== ''))
      this.#fail(`${braces} repeats more than ${mostTimes} times`);
    if (most < least) this.#fail(`${braces} has its numbers in the wrong order`);
    return [least, most];
  }

  #literal(): Expression {
    this.#at++;
    let text = '';
    while (this.#peek() !== '"') {
      if (this.#peek() === undefined) this.#fail('a literal is not closed');
      text += String.fromCodePoint(this.#character());
    }
    this.#at++;
    return text === '' ? empty : literal(text);
  }

  #characterClass(): Expression {
    this.#at++;
    const negated = this.#peek() === '^';
    if (negated) this.#at++;
    const ranges: Range[] = [];
    while (this.#peek() !== ']') {
      if (this.#peek() === undefined) this.#fail('a character class is not closed');
      const first = this.#character();
      let last = first;
      if (this.#peek() === '-' && this.#source[this.#at + 1] !== ']') {
        this.#at++;
        last = this.#character();
        if (last < first) this.#fail('a range in a class has its ends in the wrong order');
      }
      ranges.push([first, last]);
    }
    this.#at++;
    return { kind: 'set', ranges: negated ? complement(ranges) : normalize(ranges) };
  }

  /** One character of a literal or class, escaped or not. */
  #character(): number {
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined) this.#fail('the grammar ends in the middle of a literal or class');
    this.#at += point > 0xffff ? 2 : 1;
    if (point !== 0x5c) return point;
    const char = this.#source[this.#at++] ?? '';
    const escaped = escapes.get(char);
    if (escaped !== undefined) return escaped;
    const length = hexDigits.get(char);
    if (!length) this.#fail(`\\${char} is no escape`);
    const hex = this.#source.slice(this.#at, this.#at + length);
    const code = Number.parseInt(hex, 16);
    if (!new RegExp(`^[0-9a-fA-F]{${length}}$`).test(hex) || code > 0x10ffff) {
      this.#fail(`\\${char} needs ${length} hexadecimal digits`);
    }
    this.#at += length;
    return code;
  }

  #startsRule(): boolean {
    definition.lastIndex = this.#at;
    return definition.test(this.#source);
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  /** Blanks, line ends and comments. */
  #skip(): void {
    this.#match(/(?:[ \t\r\n]|#[^\n]*)+/y);
  }

  #fail(problem: string): never {
    const before = this.#source.slice(0, this.#at).split('\n');
    const line = before.length;
    const column = before.at(-1)!.length + 1;
    throw new SamplingError('gbnf', `${clip(problem)}, at line ${line}, column ${column}`, { line, column });
  }
}
