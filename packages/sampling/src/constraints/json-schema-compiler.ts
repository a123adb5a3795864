import { type Expression, empty, literal, oneOf, optional, repeat, sequence, set } from './expression.ts';
import { jsonNumber } from './json-number.ts';
import { jsonString, jsonStringOf, jsonStringOfLength } from './json-text.ts';
import { RuleBook } from './rule-book.ts';
import { checkSchema, type JsonSchema } from './schema-document.ts';
import { type ArrayShape, isInhabited, longest, type SchemaNode, type Shape } from './schema-node.ts';
import { SchemaNodes } from './schema-nodes.ts';
import { ObjectWriter } from './schema-objects.ts';
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
  readonly #objects: ObjectWriter;
  /** Blanks after a separator, and inside the brackets. */
  readonly #gap: Expression;
  readonly #inner: Expression;
  readonly #numbers = new Map<object, number>();

  constructor(book: RuleBook, { space, objects }: CompileOptions) {
    this.#book = book;
    const blanks = repeat(set([9, 10], [13, 13], [32, 32]), 0, 20);
    this.#inner = space === 'any' ? blanks : empty;
    this.#gap = space === 'any' ? blanks : space === 'single' ? optional(literal(' ')) : empty;
    this.#objects = new ObjectWriter({
      book,
      declaredOrder: objects === 'declared',
      gap: this.#gap,
      inner: this.#inner,
      value: (node) => this.value(node),
      names: (automaton) => this.#automaton(automaton, automaton),
      number: (owner) => this.#number(owner),
    });
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
        return sequence(literal('{'), this.#inner, this.#objects.write(shape));
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
