import { SamplingError } from '../errors.ts';
import { type Expression, type Grammar, normalize } from './expression.ts';
import { checkGrammar, isProductive, productiveRules } from './grammar-checks.ts';
import { utf8Sequences } from './utf8.ts';

/** Says byte by byte whether a text can still become a complete one. States are small integers. */
export interface Matcher {
  readonly name: string;
  readonly start: number;
  /** The state after one more byte of UTF-8, or −1 if no text can begin like that. */
  next(state: number, byte: number): number;
  /** Is what was read a complete text? */
  accepts(state: number): boolean;
}

/** One step of the network a grammar is compiled to. */
type Node =
  | { readonly op: 'byte'; readonly low: number; readonly high: number; readonly next: number }
  | { readonly op: 'split'; readonly to: readonly number[] }
  | { readonly op: 'call'; readonly rule: string; readonly next: number }
  | { readonly op: 'return' };

/** Where to go on after a rule, as a linked list; equal stacks are one object, so a number names each. */
interface Stack {
  readonly next: number;
  readonly below: number;
}

const bottom = -1;
const dead = -1;
const unknown = -2;
/** More nodes than any grammar a person wrote; `x{100000}` is stopped here rather than by the memory. */
const mostNodes = 200_000;

/**
 * Runs a grammar as a pushdown automaton: a state is the set of places the text can be at, each with the rules
 * that are still open. States are made when first met, and each remembers where its bytes lead, so that in
 * practice matching is a table look-up.
 *
 * @throws {SamplingError} if the grammar is left-recursive, incomplete, or matches nothing.
 */
export function createMatcher(name: string, grammar: Grammar): Matcher {
  checkGrammar(name, grammar);
  return new Pushdown(name, compile(name, grammar), grammar.root);
}

interface Network {
  readonly nodes: readonly Node[];
  readonly entries: ReadonlyMap<string, number>;
}

function compile(name: string, grammar: Grammar): Network {
  const nodes: Node[] = [{ op: 'return' }];
  const productive = productiveRules(grammar);
  const add = (node: Node): number => {
    if (nodes.length >= mostNodes) {
      throw new SamplingError(
        name,
        `the grammar is too large: more than ${mostNodes} nodes; use smaller repetitions`,
      );
    }
    return nodes.push(node) - 1;
  };
  // built from the end, so that every node knows what follows it
  const build = (expression: Expression, next: number): number => {
    switch (expression.kind) {
      case 'set': {
        const sequences = normalize(expression.ranges).flatMap(utf8Sequences);
        const to = sequences.map((bytes) =>
          bytes.reduceRight((after, [low, high]) => add({ op: 'byte', low, high, next: after }), next),
        );
        return to.length === 1 ? to[0]! : add({ op: 'split', to });
      }
      case 'sequence':
        return expression.items.reduceRight((after, item) => build(item, after), next);
      case 'choice': {
        const live = expression.options.filter((option) => isProductive(option, productive));
        return add({ op: 'split', to: live.map((option) => build(option, next)) });
      }
      case 'rule':
        return add({ op: 'call', rule: expression.name, next });
      case 'repeat':
        return buildRepeat(expression.item, expression.min, expression.max, next);
    }
  };
  const buildRepeat = (item: Expression, min: number, max: number, next: number): number => {
    let entry = next;
    if (!isProductive(item, productive)) return entry;
    if (max === Infinity) {
      const loop = add({ op: 'split', to: [] });
      nodes[loop] = { op: 'split', to: [build(item, loop), next] };
      entry = loop;
    } else {
      for (let i = min; i < max; i++) entry = add({ op: 'split', to: [build(item, entry), next] });
    }
    for (let i = 0; i < min; i++) entry = build(item, entry);
    return entry;
  };
  const entries = new Map<string, number>();
  for (const [rule, body] of grammar.rules) {
    if (productive.has(rule)) entries.set(rule, build(body, 0));
  }
  return { nodes, entries };
}

/** A place in the text: a byte node, or the end (`node` 0 on the empty stack). */
type Place = readonly [node: number, stack: number];

class Pushdown implements Matcher {
  readonly name: string;
  readonly start: number;
  readonly #network: Network;
  readonly #stacks: Stack[] = [];
  readonly #stackNumbers = new Map<string, number>();
  readonly #states: {
    readonly places: readonly Place[];
    readonly complete: boolean;
    readonly after: Int32Array;
  }[] = [];
  readonly #stateNumbers = new Map<string, number>();

  constructor(name: string, network: Network, root: string) {
    this.name = name;
    this.#network = network;
    this.start = this.#intern([[network.entries.get(root)!, bottom]]);
  }

  next(state: number, byte: number): number {
    if (state < 0) return dead;
    const { places, after } = this.#states[state]!;
    const known = after[byte]!;
    if (known !== unknown) return known;
    const reached: Place[] = [];
    for (const [at, stack] of places) {
      const node = this.#network.nodes[at]!;
      if (node.op === 'byte' && node.low <= byte && byte <= node.high) reached.push([node.next, stack]);
    }
    const result = reached.length === 0 ? dead : this.#intern(reached);
    after[byte] = result;
    return result;
  }

  accepts(state: number): boolean {
    return state >= 0 && this.#states[state]!.complete;
  }

  /** Number of the state that consists of these places, followed through splits, calls and returns. */
  #intern(from: readonly Place[]): number {
    const seen = new Map<string, Place>();
    const places: Place[] = [];
    let complete = false;
    const open = [...from];
    for (let place = open.pop(); place; place = open.pop()) {
      const [at, stack] = place;
      const key = `${at}:${stack}`;
      if (seen.has(key)) continue;
      seen.set(key, place);
      const node = this.#network.nodes[at]!;
      if (node.op === 'byte') places.push(place);
      else if (node.op === 'split') for (const to of node.to) open.push([to, stack]);
      else if (node.op === 'call') {
        // a call that ends its rule needs no way back: right recursion stays flat
        const back = this.#network.nodes[node.next]!.op === 'return' ? stack : this.#push(node.next, stack);
        open.push([this.#network.entries.get(node.rule)!, back]);
      } else if (stack === bottom) complete = true;
      else open.push([this.#stacks[stack]!.next, this.#stacks[stack]!.below]);
    }
    if (places.length === 0 && !complete) return dead;
    places.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const key = `${complete ? '!' : ''}${places.map((place) => place.join(':')).join(',')}`;
    const known = this.#stateNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#states.push({ places, complete, after: new Int32Array(256).fill(unknown) }) - 1;
    this.#stateNumbers.set(key, number);
    return number;
  }

  #push(next: number, below: number): number {
    const key = `${next}:${below}`;
    const known = this.#stackNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#stacks.push({ next, below }) - 1;
    this.#stackNumbers.set(key, number);
    return number;
  }
}
