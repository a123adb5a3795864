import { type Expression, empty, literal, oneOf, optional, repeat, sequence, set } from './expression.ts';
import { jsonNumber } from './json-number.ts';
import { jsonString, jsonStringOf, jsonStringOfLength } from './json-text.ts';
import { RuleBook } from './rule-book.ts';
import { checkSchema, type JsonSchema } from './schema-document.ts';
import {
  type ArrayShape,
  isInhabited,
  isUsable,
  longest,
  type ObjectShape,
  type SchemaNode,
  type Shape,
} from './schema-node.ts';
import { SchemaNodes } from './schema-nodes.ts';
import type { StringShape } from './schema-shapes.ts';
import { type TextAutomaton, wordsAutomaton } from './text-automaton.ts';

export type { JsonSchema } from './schema-document.ts';

export interface CompileOptions {
  readonly space: 'none' | 'single' | 'any';
  readonly objects: 'any' | 'declared';
}

/** A schema as a grammar, whose rules are written down when a text comes to them. */
export interface CompiledSchema {
  readonly book: RuleBook;
  /** How many places of a value the schema tells apart. */
  readonly nodes: number;
}

/** @throws {SamplingError} naming the keyword and its place, if the schema says something that has no grammar. */
export function compileSchema(schema: JsonSchema, options: CompileOptions): CompiledSchema {
  checkSchema(schema, '#');
  const nodes = new SchemaNodes(schema, { declaredOnly: options.objects === 'declared' });
  const book = new RuleBook('root');
  const writer = new SchemaWriter(book, options);
  book.rule('root', () => writer.value(nodes.root));
  return { book, nodes: nodes.size };
}

/**
 * Writes the rules of nodes. Rules are named by numbers of nodes and shapes, and a rule that goes on with another
 * calls it last, so that long lists and objects stay flat.
 */
class SchemaWriter {
  readonly #book: RuleBook;
  readonly #inOrder: boolean;
  /** Blanks after a separator, and inside the brackets. */
  readonly #gap: Expression;
  readonly #inner: Expression;
  readonly #numbers = new Map<object, number>();

  constructor(book: RuleBook, { space, objects }: CompileOptions) {
    this.#book = book;
    this.#inOrder = objects === 'declared';
    const blanks = repeat(set([9, 10], [13, 13], [32, 32]), 0, 20);
    this.#inner = space === 'any' ? blanks : empty;
    this.#gap = space === 'any' ? blanks : space === 'single' ? optional(literal(' ')) : empty;
  }

  value(node: SchemaNode): Expression {
    return this.#book.rule(`value ${node.id}`, () =>
      oneOf(node.shapes.filter(isInhabited).map((shape) => this.#shape(shape))),
    );
  }

  #shape(shape: Shape): Expression {
    switch (shape.kind) {
      case 'literal':
        return literal(shape.text);
      case 'number':
        return jsonNumber(this.#book, shape.range);
      case 'string':
        return this.#string(shape.string);
      case 'array':
        return sequence(literal('['), this.#inner, this.#items(shape, 0));
      case 'object':
        return sequence(literal('{'), this.#inner, this.#properties(shape, 0n, 0));
    }
  }

  #string(string: StringShape): Expression {
    switch (string.form) {
      case 'length':
        return jsonStringOfLength(this.#book, string.min, string.max);
      case 'words':
        return this.#automaton(string, wordsAutomaton(string.words));
      case 'expression':
        return this.#book.rule(`expression ${this.#number(string)}`, () =>
          jsonString(this.#book, string.expression),
        );
      case 'automaton':
        return this.#automaton(string.automaton, string.automaton);
    }
  }

  #automaton(owner: object, automaton: TextAutomaton): Expression {
    return jsonStringOf(this.#book, `text ${this.#number(owner)}`, automaton);
  }

  /** What may follow after `read` items, up to the closing bracket. */
  #items(shape: ArrayShape, read: number): Expression {
    const { prefix, rest, min } = shape;
    const most = longest(shape);
    // beyond this no item changes what may follow
    const last = most === Infinity ? Math.max(prefix.length, min, 1) : most;
    const at = Math.min(read, last);
    return this.#book.rule(`items ${this.#number(shape)} ${at}`, () => {
      const options: Expression[] = [];
      if (at >= min) options.push(sequence(at > 0 ? this.#inner : empty, literal(']')));
      if (at < most) {
        const item = this.value(prefix[at] ?? rest!);
        options.push(sequence(this.#comma(at > 0), item, this.#items(shape, at + 1)));
      }
      return oneOf(options);
    });
  }

  /**
   * What may follow after the properties of `seen` (a bit each, or in order all before the highest) and `count` in
   * all, up to the closing brace.
   */
  #properties(shape: ObjectShape, seen: bigint, count: number): Expression {
    const { members, min, max } = shape;
    const at = max === Infinity ? Math.min(count, Math.max(min, 1)) : count;
    return this.#book.rule(`properties ${this.#number(shape)} ${seen.toString(36)} ${at}`, () => {
      const left = members.map((_, i) => i).filter((i) => !((seen >> BigInt(i)) & 1n));
      const needed = left.filter((i) => members[i]!.required).length;
      const options: Expression[] = [];
      if (needed === 0 && at >= min) options.push(sequence(at > 0 ? this.#inner : empty, literal('}')));
      const comma = this.#comma(at > 0);
      const more = shape.others.some(({ node }) => node.inhabited);
      const add = (pair: Expression, next: bigint, stillNeeded: number) => {
        const possible = left.filter((i) => !((next >> BigInt(i)) & 1n) && isUsable(members[i]!)).length;
        if (stillNeeded <= max - at - 1 && (more || at + 1 + possible >= min))
          options.push(sequence(comma, pair, this.#properties(shape, next, at + 1)));
      };
      for (const i of left) {
        const { required } = members[i]!;
        if (isUsable(members[i]!)) {
          const passed = this.#inOrder ? (1n << BigInt(i)) - 1n : 0n;
          add(this.#pair(shape, i), seen | passed | (1n << BigInt(i)), needed - (required ? 1 : 0));
        }
        if (this.#inOrder && required) return oneOf(options);
      }
      const all = this.#inOrder ? (1n << BigInt(members.length)) - 1n : seen;
      shape.others.forEach(({ node }, i) => {
        if (node.inhabited) add(this.#otherPair(shape, i), all, needed);
      });
      return oneOf(options);
    });
  }

  #pair(shape: ObjectShape, i: number): Expression {
    const { name, node } = shape.members[i]!;
    return this.#book.rule(`pair ${this.#number(shape)} ${i}`, () =>
      this.#colon(jsonString(this.#book, literal(name)), node),
    );
  }

  #otherPair(shape: ObjectShape, i: number): Expression {
    const { names, node } = shape.others[i]!;
    return this.#book.rule(`other ${this.#number(shape)} ${i}`, () =>
      this.#colon(this.#automaton(names, names), node),
    );
  }

  #colon(key: Expression, node: SchemaNode): Expression {
    return sequence(key, this.#inner, literal(':'), this.#gap, this.value(node));
  }

  #comma(needed: boolean): Expression {
    return needed ? sequence(this.#inner, literal(','), this.#gap) : empty;
  }

  #number(owner: object): number {
    const known = this.#numbers.get(owner);
    if (known !== undefined) return known;
    this.#numbers.set(owner, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}
