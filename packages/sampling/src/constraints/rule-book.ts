import { type Expression, rule } from './expression.ts';
import type { LazyGrammar } from './network.ts';

/** Rules by name, each written down when a text first comes to it. Every one must match some finite text. */
export class RuleBook implements LazyGrammar {
  readonly root: string;
  readonly #rules = new Map<string, () => Expression>();

  constructor(root: string) {
    this.root = root;
  }

  /** The rule of this name, which `body` tells unless it is there already. */
  rule(name: string, body: () => Expression): Expression {
    if (!this.#rules.has(name)) this.#rules.set(name, body);
    return rule(name);
  }

  expand(name: string): Expression {
    return this.#rules.get(name)!();
  }

  /** Drops all rules but the root, from which the others are named again. */
  forget(): void {
    const root = this.#rules.get(this.root)!;
    this.#rules.clear();
    this.#rules.set(this.root, root);
  }

  /** How many rules have been named so far. */
  get size(): number {
    return this.#rules.size;
  }
}
