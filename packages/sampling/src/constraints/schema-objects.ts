import { type Expression, empty, inOrder, literal, oneOf, sequence } from './expression.ts';
import { jsonCharacter } from './json-text.ts';
import type { RuleBook } from './rule-book.ts';
import { isUsable, type Member, type ObjectShape, type SchemaNode } from './schema-node.ts';
import type { TextAutomaton } from './text-automaton.ts';

/** What the rules of objects are made of. */
export interface ObjectParts {
  readonly book: RuleBook;
  /** Declared properties come in the order of the schema, others after them. */
  readonly declaredOrder: boolean;
  /** Blanks after a separator, and inside the brackets. */
  readonly gap: Expression;
  readonly inner: Expression;
  value(node: SchemaNode): Expression;
  /** The names of an automaton, in quotes. */
  names(automaton: TextAutomaton): Expression;
  /** A number that is of this object alone. */
  number(owner: object): number;
}

/** Where a text stands in an object. */
interface Progress {
  /** A bit for each member that can come no more. */
  readonly seen: bigint;
  /** Properties so far, counted as far as it matters. */
  readonly count: number;
}

/** A member that may come next, with where its name leads. */
interface Candidate {
  readonly chars: readonly string[];
  readonly member: Member;
  readonly next: Progress;
}

/**
 * Writes the rules of objects whose properties come in any order. There is a rule for what was seen so far, and one
 * for each beginning of a name that may come there, so that only the orders a text takes are written down, and of
 * many names only those with the letters it has.
 */
export class ObjectWriter {
  readonly #parts: ObjectParts;
  readonly #spellings = new Map<
    ObjectShape,
    readonly { readonly chars: readonly string[]; readonly rank: number }[]
  >();

  constructor(parts: ObjectParts) {
    this.#parts = parts;
  }

  /** An object of the shape, from what may follow its opening brace on, closing brace included. */
  write(shape: ObjectShape): Expression {
    return this.#properties(shape, { seen: 0n, count: 0 });
  }

  #properties(shape: ObjectShape, progress: Progress): Expression {
    const { book, inner, gap, names } = this.#parts;
    const name = `${this.#parts.number(shape)} ${progress.seen.toString(36)} ${progress.count}`;
    return book.rule(`properties ${name}`, () => {
      const { candidates, needed, others } = this.#candidates(shape, progress);
      const options: Expression[] = [];
      const begun = progress.count > 0;
      if (needed === 0 && progress.count >= shape.min)
        options.push(sequence(begun ? inner : empty, literal('}')));
      const comma = begun ? sequence(inner, literal(','), gap) : empty;
      if (candidates.length > 0) {
        const named = this.#name(shape, name, candidates, 0, candidates.length, 0);
        options.push(sequence(comma, literal('"'), named));
      }
      if (others) {
        for (const other of shape.others.filter(({ node }) => node.inhabited)) {
          const pair = book.rule(`other ${this.#parts.number(other)}`, () =>
            sequence(names(other.names), this.#value(other.node)),
          );
          options.push(sequence(comma, pair, this.#properties(shape, others)));
        }
      }
      return oneOf(options);
    });
  }

  /**
   * The rest of a name after `depth` characters, and what follows it: of the candidates from `from` to `to`, which
   * are in the order of their names and share that beginning.
   */
  #name(
    shape: ObjectShape,
    place: string,
    candidates: readonly Candidate[],
    from: number,
    to: number,
    depth: number,
  ): Expression {
    const { book } = this.#parts;
    return book.rule(`name ${place} ${from} ${depth}`, () => {
      const options: Expression[] = [];
      for (let at = from; at < to; ) {
        const { chars, member, next } = candidates[at]!;
        const char = chars[depth];
        if (char === undefined) {
          options.push(sequence(literal('"'), this.#value(member.node), this.#properties(shape, next)));
          at++;
          continue;
        }
        let end = at + 1;
        while (end < to && candidates[end]!.chars[depth] === char) end++;
        // a name that shares its next character with no other is written down whole
        if (end === at + 1) {
          const rest = chars.slice(depth).map((one) => jsonCharacter(book, one));
          const after = [literal('"'), this.#value(member.node), this.#properties(shape, next)];
          options.push(inOrder([...rest, ...after]));
        } else {
          const rest = this.#name(shape, place, candidates, at, end, depth + 1);
          options.push(sequence(jsonCharacter(book, char), rest));
        }
        at = end;
      }
      return oneOf(options);
    });
  }

  /** The members that may come next, by name, and where undeclared properties lead if they may. */
  #candidates(
    shape: ObjectShape,
    { seen, count }: Progress,
  ): { readonly candidates: readonly Candidate[]; readonly needed: number; readonly others?: Progress } {
    const { declaredOrder } = this.#parts;
    const { members, min, max } = shape;
    const bits = seen.toString(2);
    const left = [...members.keys()].filter((i) => bits[bits.length - 1 - i] !== '1');
    const needed = left.filter((i) => members[i]!.required).length;
    const hasOthers = shape.others.some(({ node }) => node.inhabited);
    // counting stops where more properties change nothing
    const then = max === Infinity ? Math.min(count + 1, Math.max(min, 1)) : count + 1;
    const room = max - count - 1;
    const reachable = left.filter((i) => isUsable(members[i]!));
    const until = declaredOrder ? left.findIndex((i) => members[i]!.required) : -1;
    const now = reachable.filter((i) => until < 0 || i <= left[until]!);
    const candidates = now.flatMap((i, at): (Candidate & { readonly rank: number })[] => {
      const member = members[i]!;
      const after = declaredOrder ? reachable.length - at - 1 : reachable.length - 1;
      const isEnough = hasOthers || count + 1 + after >= min;
      if (!isEnough || needed - (member.required ? 1 : 0) > room) return [];
      const bit = 1n << BigInt(i);
      const next = declaredOrder ? 2n * bit - 1n : seen | bit;
      return [{ ...this.#spelling(shape)[i]!, member, next: { seen: next, count: then } }];
    });
    candidates.sort((a, b) => a.rank - b.rank);
    const all = declaredOrder ? (1n << BigInt(members.length)) - 1n : seen;
    const mayBeOther = hasOthers && needed <= room && (!declaredOrder || needed === 0);
    return { candidates, needed, ...(mayBeOther && { others: { seen: all, count: then } }) };
  }

  /** The characters of each member's name, and its place among the names in order. */
  #spelling(shape: ObjectShape): readonly { readonly chars: readonly string[]; readonly rank: number }[] {
    const known = this.#spellings.get(shape);
    if (known) return known;
    const names = shape.members.map(({ name }) => name);
    const ranks = new Map([...names].sort().map((name, rank) => [name, rank]));
    const spelling = names.map((name) => ({ chars: [...name], rank: ranks.get(name)! }));
    this.#spellings.set(shape, spelling);
    return spelling;
  }

  #value(node: SchemaNode): Expression {
    const { inner, gap, value } = this.#parts;
    return sequence(inner, literal(':'), gap, value(node));
  }
}
