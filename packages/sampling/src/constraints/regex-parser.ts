import { SamplingError } from '../errors.ts';
import { foldCase } from './case-folding.ts';
import { clip } from './clip.ts';
import {
  complement,
  type Expression,
  inOrder,
  normalize,
  oneOf,
  type Range,
  repeat,
  set,
} from './expression.ts';

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  /** With it, cases are folded as Unicode says; without, as JavaScript's older rule does. */
  readonly unicode: boolean;
}

const digits: readonly Range[] = [[0x30, 0x39]];
const word: readonly Range[] = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const space: readonly Range[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const lineEnds: readonly Range[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const classes: ReadonlyMap<string, readonly Range[]> = new Map([
  ['d', digits],
  ['s', space],
  ['D', complement(digits)],
  ['S', complement(space)],
]);
const controls: ReadonlyMap<string, number> = new Map(
  Object.entries({ n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 }),
);

/** One alternative of a whole pattern, and whether `^` and `$` tie it to the ends of the text. */
export interface Alternative {
  readonly body: Expression;
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

/** Groups within groups: more is no pattern a person wrote, and would exhaust the stack. */
const deepest = 400;
const mostTimes = 2 ** 31 - 1;

/** @throws {SamplingError} naming the place where the pattern cannot be read. */
export function parseRegex(op: string, source: string, flags: Flags): readonly Alternative[] {
  return new RegexParser(op, source, flags).parse();
}

class RegexParser {
  readonly #op: string;
  readonly #source: string;
  readonly #chars: readonly string[];
  readonly #flags: Flags;
  readonly #end: number;
  #at = 0;
  #depth = 0;

  constructor(op: string, source: string, flags: Flags) {
    this.#op = op;
    this.#source = source;
    this.#chars = [...source];
    this.#flags = flags;
    this.#end = this.#chars.length;
  }

  parse(): readonly Alternative[] {
    const found: Alternative[] = [];
    do {
      const atStart = this.#take('^');
      const body = this.#sequence();
      found.push({ body, atStart, atEnd: this.#take('$') });
    } while (this.#take('|'));
    if (this.#at < this.#end) this.#fail('there is no open group to close');
    return found;
  }

  #alternatives(): Expression {
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    return oneOf(options);
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    while (this.#at < this.#end && this.#peek() !== '|' && this.#peek() !== ')' && !this.#isLastSign())
      items.push(this.#quantified());
    return inOrder(items);
  }

  /** A `$` that ends an alternative of the whole pattern. */
  #isLastSign(): boolean {
    if (this.#depth > 0 || this.#peek() !== '$') return false;
    return this.#at + 1 === this.#end || this.#chars[this.#at + 1] === '|';
  }

  #quantified(): Expression {
    const item = this.#atom();
    const [min, max] = this.#quantifier() ?? [1, 1];
    if (min === 1 && max === 1) return item;
    // greedy, lazy: the same texts match
    this.#take('?');
    if ('*+?'.includes(this.#peek() ?? ' ') || this.#quantifier())
      this.#fail('two quantifiers follow each other');
    return repeat(item, min, max);
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#take('*')) return [0, Infinity];
    if (this.#take('+')) return [1, Infinity];
    if (this.#take('?')) return [0, 1];
    if (this.#peek() !== '{') return undefined;
    const braces = /^\{(\d+)(,(\d*))?\}/.exec(this.#ahead(64));
    if (!braces) return undefined;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[2] === undefined ? min : braces[3] === '' ? Infinity : Number(braces[3]);
    if (min > mostTimes || (max > mostTimes && braces[3] !== ''))
      this.#fail(`${braces[0]} repeats more than ${mostTimes} times`);
    if (max < min) this.#fail(`{${min},${max}} has its numbers in the wrong order`);
    return [min, max];
  }

  #atom(): Expression {
    const char = this.#chars[this.#at++]!;
    if (char === '(') return this.#group();
    if (char === '[') return this.#characterClass();
    if (char === '.') return set(...(this.#flags.dotAll ? complement([]) : complement(lineEnds)));
    if (char === '\\') return set(...this.#fold(this.#escape()));
    if (char === '^' || char === '$')
      this.#fail(`${char} is supported only at the ends of the whole pattern`);
    if ('*+?'.includes(char)) this.#fail(`there is nothing for ${char} to repeat`);
    if (char === '{') {
      this.#at--;
      if (this.#quantifier()) this.#fail('there is nothing for {…} to repeat');
      this.#at++;
    }
    const point = char.codePointAt(0)!;
    return set(...this.#fold([[point, point]]));
  }

  #group(): Expression {
    if (this.#take('?')) {
      if (this.#take('<') && !['=', '!'].includes(this.#peek() ?? '')) {
        while (this.#at < this.#end && !this.#take('>')) this.#at++;
      } else if (!this.#take(':')) {
        this.#fail(
          /[=!<]/.test(this.#peek() ?? '')
            ? 'look-around is not supported'
            : 'a group that begins with (? and sets flags is not supported',
        );
      }
    }
    if (++this.#depth > deepest) this.#fail(`groups are nested more than ${deepest} deep`);
    const inside = this.#alternatives();
    this.#depth--;
    if (!this.#take(')')) this.#fail('a group is not closed');
    return inside;
  }

  #characterClass(): Expression {
    const negated = this.#take('^');
    const ranges: Range[] = [];
    while (!this.#take(']')) {
      if (this.#at >= this.#end) this.#fail('a character class is not closed');
      const first = this.#classMember();
      const isRange = this.#peek() === '-' && this.#chars[this.#at + 1] !== ']' && isOne(first);
      if (!isRange) {
        ranges.push(...first);
        continue;
      }
      this.#at++;
      const last = this.#classMember();
      if (!isOne(last) || last[0]![0] < first[0]![0])
        this.#fail('a range in a class has its ends in the wrong order');
      ranges.push([first[0]![0], last[0]![0]]);
    }
    const folded = this.#fold(ranges);
    return { kind: 'set', ranges: negated ? complement(folded) : normalize(folded) };
  }

  #classMember(): readonly Range[] {
    const char = this.#chars[this.#at++];
    if (char === undefined) this.#fail('a character class is not closed');
    if (char === '\\') return this.#take('b') ? [[8, 8]] : this.#escape();
    const point = char.codePointAt(0)!;
    return [[point, point]];
  }

  /** After a backslash. */
  #escape(): readonly Range[] {
    const char = this.#chars[this.#at++];
    if (char === undefined) this.#fail('a backslash stands at the end');
    if (char === 'w' || char === 'W') {
      const words = this.#fold(word);
      return char === 'w' ? words : complement(words);
    }
    if (classes.has(char)) return classes.get(char)!;
    if (char === '0' && /\d/.test(this.#peek() ?? ''))
      this.#fail('\\0 before a digit (octal) is not supported');
    const code = controls.get(char) ?? this.#hex(char);
    if (code !== undefined) return [[code, code]];
    if (/[bB]/.test(char)) this.#fail(`\\${char} (word boundary) is not supported`);
    if (/[1-9k]/.test(char)) this.#fail(`\\${char} (back-reference) is not supported`);
    if (/[pP]/.test(char))
      this.#fail(`\\${char} (Unicode property) is not supported; list the ranges in a class`);
    if (/[a-zA-Z]/.test(char)) this.#fail(`\\${char} is no escape`);
    const point = char.codePointAt(0)!;
    return [[point, point]];
  }

  #hex(char: string): number | undefined {
    if (char !== 'x' && char !== 'u') return undefined;
    const found = (char === 'x' ? /^([0-9a-fA-F]{2})/ : /^([0-9a-fA-F]{4})|^\{([0-9a-fA-F]{1,6})\}/).exec(
      this.#ahead(8),
    );
    if (!found) this.#fail(`\\${char} needs hexadecimal digits`);
    this.#at += found[0].length;
    const code = Number.parseInt(found[1] ?? found[2]!, 16);
    if (code > 0x10ffff) this.#fail(`\\u${found[0]} is beyond the last code point, 10ffff`);
    // two escapes that are halves of one character
    const low = /^\\u([dD][c-fC-F][0-9a-fA-F]{2})/.exec(this.#ahead(6));
    if (char === 'x' || code < 0xd800 || code > 0xdbff || !low) return code;
    this.#at += low[0].length;
    return String.fromCharCode(code, Number.parseInt(low[1]!, 16)).codePointAt(0);
  }

  #fold(ranges: readonly Range[]): readonly Range[] {
    return this.#flags.ignoreCase ? foldCase(ranges, this.#flags.unicode) : ranges;
  }

  #ahead(count: number): string {
    return this.#chars.slice(this.#at, Math.min(this.#end, this.#at + count)).join('');
  }

  #peek(): string | undefined {
    return this.#at < this.#end ? this.#chars[this.#at] : undefined;
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #fail(problem: string): never {
    throw new SamplingError(
      this.#op,
      `${clip(problem)}, at place ${this.#at} of ${clip(JSON.stringify(this.#source))}`,
      {
        pattern: this.#source,
        place: this.#at,
      },
    );
  }
}

function isOne(ranges: readonly Range[]): boolean {
  return ranges.length === 1 && ranges[0]![0] === ranges[0]![1];
}
