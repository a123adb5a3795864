import { SamplingError } from '../errors.ts';
import {
  choice,
  complement,
  type Expression,
  empty,
  normalize,
  type Range,
  repeat,
  sequence,
  set,
} from './expression.ts';

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
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
const classes: Readonly<Record<string, readonly Range[]>> = {
  d: digits,
  w: word,
  s: space,
  D: complement(digits),
  W: complement(word),
  S: complement(space),
};
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 };

/** @throws {SamplingError} naming the place where the pattern cannot be read. */
export function parseRegex(
  op: string,
  source: string,
  flags: Flags,
): { readonly root: Expression; readonly atStart: boolean; readonly atEnd: boolean } {
  const parser = new RegexParser(op, source, flags);
  return parser.parse();
}

class RegexParser {
  readonly #op: string;
  readonly #source: string;
  readonly #chars: readonly string[];
  readonly #flags: Flags;
  #at = 0;
  #end: number;

  constructor(op: string, source: string, flags: Flags) {
    this.#op = op;
    this.#source = source;
    this.#chars = [...source];
    this.#flags = flags;
    this.#end = this.#chars.length;
  }

  parse() {
    const atStart = this.#chars[0] === '^';
    if (atStart) this.#at = 1;
    const atEnd = this.#chars.at(-1) === '$' && this.#isUnescaped(this.#chars.length - 1);
    if (atEnd) this.#end--;
    const root = this.#alternatives();
    if (this.#at < this.#end) this.#fail('there is no open group to close');
    if ((atStart || atEnd) && root.kind === 'choice') {
      this.#fail('^ and $ would tie only the first and last alternative; put the alternatives into (…)');
    }
    return { root, atStart, atEnd };
  }

  #alternatives(): Expression {
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    return choice(...options);
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    while (this.#at < this.#end && this.#peek() !== '|' && this.#peek() !== ')')
      items.push(this.#quantified());
    return items.length === 0 ? empty : sequence(...items);
  }

  #quantified(): Expression {
    const item = this.#atom();
    const [min, max] = this.#quantifier() ?? [1, 1];
    if (min === 1 && max === 1) return item;
    // greedy, lazy: the same texts match
    this.#take('?');
    if ('*+?'.includes(this.#peek() ?? ' ')) this.#fail('two quantifiers follow each other');
    return repeat(item, min, max);
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#take('*')) return [0, Infinity];
    if (this.#take('+')) return [1, Infinity];
    if (this.#take('?')) return [0, 1];
    const braces = /^\{(\d+)(,(\d*))?\}/.exec(this.#chars.slice(this.#at, this.#end).join(''));
    if (!braces) return undefined;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[2] === undefined ? min : braces[3] === '' ? Infinity : Number(braces[3]);
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
    const point = char.codePointAt(0)!;
    return set(...this.#fold([[point, point]]));
  }

  #group(): Expression {
    if (this.#take('?')) {
      if (this.#take('<') && !['=', '!'].includes(this.#peek() ?? '')) {
        while (this.#at < this.#end && !this.#take('>')) this.#at++;
      } else if (!this.#take(':')) this.#fail('look-around is not supported');
    }
    const inside = this.#alternatives();
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
    return set(...(negated ? complement(folded) : normalize(folded)));
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
    if (classes[char]) return classes[char];
    const code = controls[char] ?? this.#hex(char);
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
    const rest = this.#chars.slice(this.#at, this.#end).join('');
    const found = (char === 'x' ? /^([0-9a-fA-F]{2})/ : /^([0-9a-fA-F]{4})|^\{([0-9a-fA-F]{1,6})\}/).exec(
      rest,
    );
    if (!found) this.#fail(`\\${char} needs hexadecimal digits`);
    this.#at += found[0].length;
    return Number.parseInt(found[1] ?? found[2]!, 16);
  }

  /** With the flag i, both cases of ASCII letters. */
  #fold(ranges: readonly Range[]): readonly Range[] {
    if (!this.#flags.ignoreCase) return ranges;
    const folded: Range[] = [...ranges];
    for (const [first, last] of ranges) {
      for (const [from, to, shift] of [[0x41, 0x5a, 32] as const, [0x61, 0x7a, -32] as const]) {
        const low = Math.max(first, from);
        const high = Math.min(last, to);
        if (low <= high) folded.push([low + shift, high + shift]);
      }
    }
    return folded;
  }

  #isUnescaped(index: number): boolean {
    let slashes = 0;
    while (this.#chars[index - 1 - slashes] === '\\') slashes++;
    return slashes % 2 === 0;
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
    throw new SamplingError(this.#op, `${problem}, at place ${this.#at} of ${JSON.stringify(this.#source)}`, {
      pattern: this.#source,
      place: this.#at,
    });
  }
}

function isOne(ranges: readonly Range[]): boolean {
  return ranges.length === 1 && ranges[0]![0] === ranges[0]![1];
}
