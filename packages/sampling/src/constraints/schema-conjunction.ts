import { type Place, refuse, type SchemaDocument } from './schema-document.ts';
import { type Branches, type Facts, factsOfNothing, readFacts, statesBesideRef } from './schema-facts.ts';

/** More combinations of branches than a person meant; two lists of a hundred have 10 000. */
const mostCombinations = 10_000;

/** The schemas that led to one, for finding a reference that comes back to itself. */
interface Chain {
  readonly schema: object;
  readonly before: Chain | undefined;
}

interface Partial {
  readonly pending: { readonly place: Place; readonly chain: Chain | undefined }[];
  readonly facts: Map<object, Facts>;
  readonly groups: { readonly branches: Branches; readonly chain: Chain }[];
}

/** Takes schemas apart into lists of facts: a value fits all schemas if it fits all facts of one list. */
export class Conjunctions {
  readonly #document: SchemaDocument;
  readonly #read = new Map<object, Facts>();
  readonly #onOneOf: (branches: Branches, beside: Place) => void;

  /** `onOneOf` is told every `oneOf` that is met, once, and the schema of what stands beside it. */
  constructor(document: SchemaDocument, onOneOf: (branches: Branches, beside: Place) => void) {
    this.#document = document;
    this.#onOneOf = onOneOf;
  }

  /** @throws {SamplingError} if a keyword has no grammar, or a reference comes back to itself. */
  of(places: readonly Place[]): readonly (readonly Facts[])[] {
    const found: (readonly Facts[])[] = [];
    const open: Partial[] = [
      { pending: places.map((place) => ({ place, chain: undefined })), facts: new Map(), groups: [] },
    ];
    for (let at = open.pop(); at; at = open.pop()) {
      this.#flatten(at);
      const facts = [...at.facts.values()];
      if (!arePossible(facts)) continue;
      const group = at.groups.pop();
      if (!group) {
        found.push(facts);
        continue;
      }
      const { branches, chain } = group;
      if (open.length + found.length + branches.places.length > mostCombinations) {
        refuse(
          `${branches.keyword} with more than ${mostCombinations} combinations of branches`,
          branches.path,
          'use fewer branches side by side',
        );
      }
      // the last branch takes over what the others copy, so that a long chain of single branches stays linear
      const [last, ...others] = [...branches.places].reverse();
      const copies = others.map((place) => ({ place, facts: new Map(at.facts), groups: [...at.groups] }));
      for (const { place, facts: own, groups } of [{ place: last!, ...at }, ...copies])
        open.push({ pending: [{ place, chain }], facts: own, groups });
    }
    return found;
  }

  /** The facts of the schema at a place itself. */
  facts({ schema, path }: Place): Facts | undefined {
    if (schema === true) return undefined;
    if (schema === false) return factsOfNothing(path);
    const known = this.#read.get(schema);
    if (known) return known;
    const facts = readFacts(schema, path);
    const beside = facts.ref !== undefined && this.#document.refStandsAlone && statesBesideRef(schema);
    if (beside)
      refuse(`${beside} beside $ref`, path, 'the draft that $schema names passes over it; put it into allOf');
    this.#read.set(schema, facts);
    for (const branches of facts.branches) {
      if (branches.keyword === 'oneOf')
        this.#onOneOf(branches, { schema: { ...schema, oneOf: undefined, $anchor: undefined }, path });
    }
    return facts;
  }

  /** Adds the facts of what is pending, with all that holds as well. */
  #flatten({ pending, facts, groups }: Partial): void {
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { place, chain } = next;
      const { schema, path } = place;
      if (typeof schema === 'boolean') {
        if (!schema) facts.set(nowhere, factsOfNothing(path));
        continue;
      }
      if (facts.has(schema)) {
        // met before: on the way to itself, which has no end, or beside itself, which says it twice
        for (let at = chain; at; at = at.before) if (at.schema === schema) refuseLoop(path);
        continue;
      }
      const own = this.facts(place)!;
      facts.set(schema, own);
      const here = { schema, before: chain };
      if (own.ref !== undefined)
        pending.push({ place: this.#document.resolve(own.ref, own.path), chain: here });
      for (const also of own.also) pending.push({ place: also, chain: here });
      for (const branches of own.branches) groups.push({ branches, chain: here });
    }
  }

  /**
   * Do two schemas say so themselves that no value fits both and what stands beside them: by their types, their
   * constants, or a property that both require? A quick answer to what otherwise takes the conjunction of all
   * their parts.
   */
  areApart(a: Place, b: Place, beside: Place, depth = 4): boolean {
    const context = this.facts(beside);
    const [ofA, ofB] = [this.#withTarget(a), this.#withTarget(b)];
    return ofA.some((one) => ofB.some((other) => this.#differ(one, other, context ? [context] : [], depth)));
  }

  #differ(a: Facts, b: Facts, context: readonly Facts[], depth: number): boolean {
    const all = [a, b, ...context];
    if (!arePossible(all)) return true;
    if (depth === 0 || !onlyObjects(all)) return false;
    return a.object.required.some((name) => {
      if (!b.object.required.includes(name)) return false;
      const [x, y] = [a.object.properties.get(name), b.object.properties.get(name)];
      return x !== undefined && y !== undefined && this.areApart(x, y, anything, depth - 1);
    });
  }

  /** The facts at a place, and of what it refers to, and so on. */
  #withTarget(place: Place): readonly Facts[] {
    const found: Facts[] = [];
    for (let at: Place | undefined = place; at; ) {
      const facts = this.facts(at);
      if (!facts || found.includes(facts)) break;
      found.push(facts);
      at = facts.ref === undefined ? undefined : this.#document.resolve(facts.ref, facts.path);
    }
    return found;
  }
}

function refuseLoop(path: string): never {
  return refuse(
    'a schema that refers to itself before anything is read',
    path,
    'refer to it from a property or item',
  );
}

const anything: Place = { schema: true, path: '#' };

/** Stands for the schema `false` among schemas that are objects. */
const nowhere = {};

/** Do types and constants leave anything? */
function arePossible(facts: readonly Facts[]): boolean {
  const [first, ...rest] = facts;
  if (!first) return true;
  if (![...first.types].some((kind) => rest.every(({ types }) => types.has(kind)))) return false;
  const lists = facts.flatMap(({ values }) => values ?? []);
  const [values, ...others] = lists;
  return !values || [...values.keys()].some((text) => others.every((other) => other.has(text)));
}

function onlyObjects(facts: readonly Facts[]): boolean {
  return facts.some(({ types }) => types.size === 1 && types.has('object'));
}
