import { Conjunctions } from './schema-conjunction.ts';
import { type JsonSchema, type Place, refuse, SchemaDocument } from './schema-document.ts';
import { type Facts, factsOfValue, type Kind, kinds } from './schema-facts.ts';
import {
  type ArrayShape,
  isInhabited,
  type Member,
  type ObjectShape,
  type SchemaNode,
  type Shape,
} from './schema-node.ts';
import {
  numberRanges,
  patternExpression,
  StringShapes,
  stringAutomaton,
  withinSize,
} from './schema-shapes.ts';
import {
  complementAutomaton,
  expressionAutomaton,
  intersectAutomata,
  type TextAutomaton,
  takesText,
  wordsAutomaton,
} from './text-automaton.ts';

type Building = { -readonly [Key in keyof SchemaNode]: SchemaNode[Key] } & {
  readonly places: readonly Place[];
};

const mostNodes = 20_000;
const mostNameSets = 64;
const anyString: Place = { schema: { type: 'string' }, path: '#' };

export interface SchemaNodesOptions {
  /** Only declared properties, and others where a keyword says so in words. */
  readonly declaredOnly: boolean;
}

/**
 * The nodes that a schema needs, each the conjunction of the schemas that hold at one place of a value. The shape
 * of an object or list keeps the keywords of every schema apart, so that `additionalProperties` and `items` look
 * only at what stands beside them.
 *
 * @throws {SamplingError} naming the keyword and its place, if the schema says something that has no grammar.
 */
export class SchemaNodes {
  readonly root: SchemaNode;
  readonly #options: SchemaNodesOptions;
  readonly #conjunctions: Conjunctions;
  readonly #strings = new StringShapes();
  readonly #ids = new Map<object, number>();
  readonly #nodes = new Map<string, Building>();
  readonly #open: Building[] = [];
  readonly #exclusive: { readonly node: SchemaNode; readonly path: string }[] = [];
  readonly #names = new Map<string, Place>();
  readonly #values = new Map<object, Facts>();

  constructor(schema: JsonSchema, options: SchemaNodesOptions) {
    this.#options = options;
    this.#conjunctions = new Conjunctions(new SchemaDocument(schema), ({ places, path }, beside) => {
      places.forEach((a, i) => {
        for (const b of places.slice(i + 1)) {
          if (!this.#conjunctions.areApart(a, b, beside))
            this.#exclusive.push({ node: this.#node([a, b, beside]), path });
        }
      });
    });
    this.root = this.#node([{ schema, path: '#' }]);
    for (let node = this.#open.pop(); node; node = this.#open.pop()) node.shapes = this.#shapes(node);
    this.#findInhabited();
    for (const { node, path } of this.#exclusive) {
      if (node.inhabited)
        refuse(
          'oneOf whose branches may both fit',
          path,
          'use anyOf, or give each branch its own type or const',
        );
    }
    for (const { shapes } of this.#nodes.values()) for (const shape of shapes) checkCounts(shape);
    if (!this.root.inhabited) {
      refuse(
        'a schema that no value fits',
        '#',
        'its keywords exclude each other, or it needs itself without end',
      );
    }
  }

  /** How many nodes there are. */
  get size(): number {
    return this.#nodes.size;
  }

  #node(places: readonly (Place | undefined)[]): SchemaNode {
    const own = new Map<number, Place>();
    for (const place of places) if (place && place.schema !== true) own.set(this.#id(place.schema), place);
    const key = [...own.keys()].sort((a, b) => a - b).join(',');
    const known = this.#nodes.get(key);
    if (known) return known;
    const path = [...own.values()][0]?.path ?? '#';
    if (this.#nodes.size === mostNodes) {
      refuse(
        `a schema with more than ${mostNodes} combinations of its parts`,
        path,
        'use fewer schemas side by side',
      );
    }
    const node = { id: this.#nodes.size, path, shapes: [], inhabited: false, places: [...own.values()] };
    this.#nodes.set(key, node);
    this.#open.push(node);
    return node;
  }

  #id(schema: object | false): number {
    if (schema === false) return 0;
    const known = this.#ids.get(schema);
    if (known !== undefined) return known;
    this.#ids.set(schema, this.#ids.size + 1);
    return this.#ids.size;
  }

  #shapes({ places }: Building): Shape[] {
    return this.#conjunctions.of(places).flatMap((facts) => {
      const values = commonValues(facts);
      return kinds
        .filter((kind) => facts.every(({ types }) => types.has(kind)))
        .flatMap((kind) => this.#ofKind(kind, facts, values));
    });
  }

  #ofKind(kind: Kind, facts: readonly Facts[], values: readonly unknown[] | undefined): Shape[] {
    const own = values?.filter((value) => kindOf(value) === kind);
    if (own?.length === 0) return [];
    for (const { unsupported, path } of facts) {
      const found = unsupported.find((one) => one.kind === kind && !(isUniqueItems(one) && atMostOne(facts)));
      if (found) refuse(found.keyword, path, 'say it with the keywords that are understood');
    }
    switch (kind) {
      case 'null':
        return [{ kind: 'literal', text: 'null' }];
      case 'boolean':
        return (own ?? [true, false]).map((value) => ({ kind: 'literal', text: value ? 'true' : 'false' }));
      case 'number':
        return numberRanges(facts, own).map((range) => ({ kind: 'number', range }));
      case 'string': {
        const string = this.#strings.of(facts, own);
        return string ? [{ kind: 'string', string }] : [];
      }
      case 'array':
        return own ? own.map((value) => this.#array([...facts, this.#equalTo(value)])) : [this.#array(facts)];
      case 'object':
        return own
          ? own.map((value) => this.#object([...facts, this.#equalTo(value)]))
          : [this.#object(facts)];
    }
  }

  #equalTo(value: unknown): Facts {
    const known = this.#values.get(value as object);
    if (known) return known;
    const facts = factsOfValue(value as object, '#');
    this.#values.set(value as object, facts);
    return facts;
  }

  #array(facts: readonly Facts[]): ArrayShape {
    const parts = facts.map(({ array }) => array);
    const min = Math.max(...parts.map((part) => part.min));
    const max = Math.min(...parts.map((part) => part.max));
    const length = Math.min(max, Math.max(...parts.map((part) => part.prefix.length)));
    const at = (i: number) => this.#node(parts.map(({ prefix, rest }) => prefix[i] ?? rest));
    return {
      kind: 'array',
      prefix: Array.from({ length }, (_, i) => at(i)),
      rest: max > length ? this.#node(parts.map(({ rest }) => rest)) : undefined,
      min,
      max,
    };
  }

  #object(facts: readonly Facts[]): ObjectShape {
    const parts = facts.map(({ object }) => object);
    const patterns = new Map<string, { readonly path: string; readonly takes: TextAutomaton | undefined }>();
    for (const [pattern, { path }] of parts.flatMap((part) => [...part.patterns])) {
      if (patterns.has(pattern)) continue;
      const named = patternExpression(pattern, path, 'patternProperties');
      const takes = withinSize(
        [named],
        false,
        () => named.expression && expressionAutomaton(named.expression),
      );
      patterns.set(pattern, { path, takes });
    }
    const required = new Set(parts.flatMap((part) => part.required));
    const names = new Set([...parts.flatMap((part) => [...part.properties.keys()]), ...required]);
    const restrictions = parts.flatMap((part) => part.names ?? []);
    const members = [...names].map((name): Member => {
      const matched = [...patterns].filter(([, { takes, path }]) =>
        withinSize([{ keyword: 'patternProperties', path }], false, () => takes && takesText(takes, name)),
      );
      return {
        name,
        required: required.has(name),
        node: this.#node(valuesOf(parts, name, new Set(matched.map(([pattern]) => pattern)))),
        allowed: restrictions.length > 0 ? this.#node([...restrictions, this.#name(name)]) : undefined,
      };
    });
    const path = facts.find(({ object }) => object.min > 0 || object.patterns.size > 0 || object.names)?.path;
    return {
      kind: 'object',
      members,
      others: this.#others(parts, names, patterns, restrictions),
      min: Math.max(...parts.map((part) => part.min)),
      max: Math.min(...parts.map((part) => part.max)),
      path: path ?? '#',
    };
  }

  /** Names that are not declared, parted by the patterns they match. */
  #others(
    parts: readonly Facts['object'][],
    declared: ReadonlySet<string>,
    patterns: ReadonlyMap<string, { readonly path: string; readonly takes: TextAutomaton | undefined }>,
    restrictions: readonly Place[],
  ): ObjectShape['others'] {
    if (patterns.size === 0 && parts.some(({ others }) => others?.schema === false)) return [];
    const blamed = [
      ...[...patterns.values()].map(({ path }) => ({ keyword: 'patternProperties', path })),
      ...restrictions.map(({ path }) => ({ keyword: 'propertyNames', path })),
    ];
    return withinSize(blamed, false, () => {
      const undeclared = complementAutomaton(wordsAutomaton(declared));
      let sets = [{ names: undeclared, matched: new Set<string>() }];
      if (restrictions.length > 0) {
        sets = this.#conjunctions.of([...restrictions, anyString]).flatMap((facts) => {
          const shape = this.#strings.of(facts, commonValues(facts));
          const names = shape && intersectAutomata([undeclared, stringAutomaton(shape)]);
          return names ? [{ names, matched: new Set<string>() }] : [];
        });
      }
      for (const [pattern, { takes, path }] of patterns) {
        if (!takes) continue;
        sets = sets.flatMap(({ names, matched }) => {
          const inside = intersectAutomata([names, takes]);
          const outside = intersectAutomata([names, complementAutomaton(takes)]);
          return [
            ...(inside ? [{ names: inside, matched: new Set([...matched, pattern]) }] : []),
            ...(outside ? [{ names: outside, matched }] : []),
          ];
        });
        if (sets.length > mostNameSets)
          refuse(
            `patternProperties with more than ${mostNameSets} ways to match`,
            path,
            'use fewer patterns',
          );
      }
      return sets
        .filter(({ matched }) => !this.#options.declaredOnly || isInWords(parts, matched))
        .map(({ names, matched }) => ({ names, node: this.#node(valuesOf(parts, undefined, matched)) }));
    });
  }

  /** The place of a schema that only a name fits. */
  #name(name: string): Place {
    const known = this.#names.get(name);
    if (known) return known;
    const place = { schema: { const: name }, path: '#' };
    this.#names.set(name, place);
    return place;
  }

  /** A node is inhabited if one of its shapes can be completed with nodes that are; found from the inside out. */
  #findInhabited(): void {
    const nodes = [...this.#nodes.values()].reverse();
    for (let changed = true; changed; ) {
      changed = false;
      for (const node of nodes) {
        if (node.inhabited || !node.shapes.some(isInhabited)) continue;
        node.inhabited = true;
        changed = true;
      }
    }
  }
}

/** Names that are not declared are not remembered, so a text may have one twice: then fewer properties are there. */
function checkCounts(shape: Shape): void {
  if (shape.kind !== 'object') return;
  const required = shape.members.filter((member) => member.required).length;
  if (shape.min <= Math.max(1, required) || !shape.others.some(({ node }) => node.inhabited)) return;
  refuse(
    `minProperties ${shape.min}`,
    shape.path,
    'declare the properties and set additionalProperties to false',
  );
}

/** The schemas that the value of a property fits, for its name and the patterns it matches. */
function valuesOf(
  parts: readonly Facts['object'][],
  name: string | undefined,
  matched: ReadonlySet<string>,
): (Place | undefined)[] {
  return parts.flatMap(({ properties, patterns, others }) => {
    const own = name === undefined ? undefined : properties.get(name);
    const found = [
      ...(own ? [own] : []),
      ...[...patterns].filter(([p]) => matched.has(p)).map(([, at]) => at),
    ];
    return found.length > 0 ? found : [others];
  });
}

/** Does a keyword speak of undeclared properties, or none of any? */
function isInWords(parts: readonly Facts['object'][], matched: ReadonlySet<string>): boolean {
  return (
    matched.size > 0 ||
    parts.some(({ others }) => others !== undefined) ||
    parts.every(({ properties }) => properties.size === 0)
  );
}

function isUniqueItems({ keyword }: Facts['unsupported'][number]): boolean {
  return keyword === 'uniqueItems';
}

/** Where a list has no two items, they are unique. */
function atMostOne(facts: readonly Facts[]): boolean {
  return facts.some(({ array }) => array.max <= 1);
}

function kindOf(value: unknown): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as Kind;
}

/** What `const` and `enum` of all the facts have in common; undefined if there is none. */
function commonValues(facts: readonly Facts[]): readonly unknown[] | undefined {
  const [first, ...others] = facts.flatMap(({ values }) => values ?? []);
  return first && [...first].filter(([text]) => others.every((other) => other.has(text))).map(([, v]) => v);
}
