import { SamplingError } from '../errors.ts';
import { type Expression, type Grammar, normalize } from './expression.ts';
import { prune } from './grammar-checks.ts';
import { utf8Sequences } from './utf8.ts';

/** One step of the network a grammar is compiled to. */
export type Node =
  | { readonly op: 'byte'; readonly low: number; readonly high: number; readonly next: number }
  | { readonly op: 'split'; readonly to: readonly number[] }
  | { readonly op: 'call'; readonly rule: string; readonly next: number }
  | { readonly op: 'return' };

/** Rules that are written down when a text first comes to them. Every one of them must match some finite text. */
export interface LazyGrammar {
  readonly root: string;
  expand(rule: string): Expression;
  /** Drops what can be written down again from the root on. */
  forget(): void;
}

/** Node 0 is the end of every rule. */
export const returnNode = 0;
/** More nodes than any grammar a person wrote; `x{100000}` is stopped here rather than by the memory. */
const mostNodes = 200_000;

/** The nodes of the rules that were needed so far. */
export class Network {
  readonly nodes: Node[] = [{ op: 'return' }];
  readonly #name: string;
  readonly #expand: (rule: string) => Expression;
  readonly #entries = new Map<string, number>();
  /** Nodes that may be there when the rule at hand is done. */
  #limit = mostNodes;

  /** @throws {SamplingError} if a grammar that is given whole has more than 200 000 nodes. */
  constructor(name: string, grammar: Grammar | LazyGrammar) {
    this.#name = name;
    if ('expand' in grammar) {
      this.#expand = (rule) => grammar.expand(rule);
      return;
    }
    const live = prune(grammar);
    this.#expand = (rule) => live.get(rule)!;
    for (const rule of live.keys()) this.#compile(rule);
  }

  /** @throws {SamplingError} if one rule has more than 200 000 nodes. */
  entry(rule: string): number {
    const known = this.#entries.get(rule);
    if (known !== undefined) return known;
    this.#limit = this.nodes.length + mostNodes;
    return this.#compile(rule);
  }

  #compile(rule: string): number {
    const entry = this.#build(this.#expand(rule), returnNode);
    this.#entries.set(rule, entry);
    return entry;
  }

  #add(node: Node): number {
    if (this.nodes.length >= this.#limit) {
      throw new SamplingError(
        this.#name,
        `the grammar is too large: more than ${mostNodes} nodes; use smaller repetitions`,
      );
    }
    return this.nodes.push(node) - 1;
  }

  /** Built from the end, so that every node knows what follows it. */
  #build(expression: Expression, next: number): number {
    switch (expression.kind) {
      case 'set': {
        const sequences = normalize(expression.ranges).flatMap(utf8Sequences);
        const to = sequences.map((bytes) =>
          bytes.reduceRight((after, [low, high]) => this.#add({ op: 'byte', low, high, next: after }), next),
        );
        return this.#split(to);
      }
      case 'sequence':
        return expression.items.reduceRight((after, item) => this.#build(item, after), next);
      case 'choice':
        return this.#split([...new Set(expression.options.map((option) => this.#build(option, next)))]);
      case 'rule':
        return this.#add({ op: 'call', rule: expression.name, next });
      case 'repeat':
        return this.#repeat(expression.item, expression.min, expression.max, next);
    }
  }

  #repeat(item: Expression, min: number, max: number, next: number): number {
    let entry = next;
    if (max === Infinity) {
      const loop = this.#add({ op: 'split', to: [] });
      this.nodes[loop] = { op: 'split', to: [this.#build(item, loop), next] };
      entry = loop;
    } else {
      for (let i = min; i < max; i++) {
        const taken = this.#build(item, entry);
        if (taken === entry) break; // the item reads nothing, however often
        entry = this.#add({ op: 'split', to: [taken, next] });
      }
    }
    for (let i = 0; i < min; i++) {
      const taken = this.#build(item, entry);
      if (taken === entry) break;
      entry = taken;
    }
    return entry;
  }

  #split(to: readonly number[]): number {
    return to.length === 1 ? to[0]! : this.#add({ op: 'split', to });
  }
}
