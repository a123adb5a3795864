/** Finds stop strings in text that arrives in pieces, and holds back what may be the beginning of one. */
export class StopScanner {
  readonly #stops: readonly string[];
  #held = '';
  /** The stop string that was found. */
  found: string | undefined;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Text that is certain not to belong to a stop string; after one was found, the text before it. */
  push(text: string): string {
    const all = this.#held + text;
    let first = Infinity;
    for (const stop of this.#stops) {
      const at = all.indexOf(stop);
      if (at >= 0 && at < first) {
        first = at;
        this.found = stop;
      }
    }
    if (this.found !== undefined) {
      this.#held = '';
      return all.slice(0, first);
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)));
    this.#held = all.slice(all.length - keep);
    return all.slice(0, all.length - keep);
  }

  /** What was held back, when no more text comes. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

/** Length of the longest end of `text` that is a beginning of `stop`, shorter than all of it. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
