/** A published block, and the name of the prefix that ends with it. */
export interface Published {
  readonly block: number;
  readonly prefix: number;
}

/**
 * Finds blocks by the tokens they hold and all tokens before them. A block's content is named by the prefix it
 * continues and its own tokens, compared token by token, so no two prefixes are ever taken for one another.
 */
export class PrefixIndex {
  /** The prefix of nothing. */
  static readonly root = 0;
  readonly #byContent = new Map<string, Published>();
  readonly #contentOf = new Map<number, string>();
  /** Published blocks that no sequence has, the longest unused first. */
  readonly #idle = new Set<number>();
  #nextPrefix = 1;

  find(prefix: number, tokens: readonly number[]): Published | undefined {
    return this.#byContent.get(contentOf(prefix, tokens));
  }

  /** The block that holds this content: the one that is known, else `block`. */
  publish(prefix: number, tokens: readonly number[], block: number): Published {
    const content = contentOf(prefix, tokens);
    const known = this.#byContent.get(content);
    if (known) return known;
    // its tokens are said anew: what followed the old ones is not found through it any more
    this.forget(block);
    const published = { block, prefix: this.#nextPrefix++ };
    this.#byContent.set(content, published);
    this.#contentOf.set(block, content);
    return published;
  }

  /** Notes whether a block is without a sequence. @returns whether it is kept for that */
  setIdle(block: number, idle: boolean): boolean {
    if (!this.#contentOf.has(block)) return false;
    if (idle) this.#idle.add(block);
    else this.#idle.delete(block);
    return idle;
  }

  /** The block is about to hold something else. */
  forget(block: number): void {
    const content = this.#contentOf.get(block);
    if (content === undefined) return;
    this.#contentOf.delete(block);
    this.#byContent.delete(content);
    this.#idle.delete(block);
  }

  /** Forgets the block that was unused longest, and gives it away. */
  takeOldest(): number | undefined {
    const { value: block } = this.#idle.values().next();
    if (block !== undefined) this.forget(block);
    return block;
  }
}

function contentOf(prefix: number, tokens: readonly number[]): string {
  return `${prefix}:${tokens.join()}`;
}
