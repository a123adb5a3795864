import type { LayerState } from '@headwise/tensor';

/**
 * Which ids each sequence of a session has seen, as far as they went through it, and under which angles its keys were
 * turned. What happened to the states behind its back shows in their lengths, whose list is another one after each
 * change, though its numbers may be the same: such a text is unknown.
 */
export class Texts {
  #texts: number[][];
  /** `[B]` the regime of the kept keys; undefined: that of the length. */
  #regimes: (string | undefined)[];
  readonly #regimeOf: (length: number) => string;
  /** Of each state, its lengths when the session had last moved it. */
  #seen: readonly (readonly number[])[] = [];

  /** @param regimeOf lengths with the same name have the same angles */
  constructor(B: number, regimeOf: (length: number) => string) {
    this.#texts = Array.from({ length: B }, () => []);
    this.#regimes = new Array<string | undefined>(B).fill(undefined);
    this.#regimeOf = regimeOf;
  }

  /** The states are as the session has left them. */
  note(states: readonly LayerState[]): void {
    this.#seen = states.map(({ lengths }) => lengths);
  }

  /** Forgets what it knows if somebody else has moved the states since. */
  recheck(states: readonly LayerState[], B: number): void {
    if (states.every((state, n) => isUnmoved(state, this.#seen[n]))) return;
    this.forget(B);
    this.note(states);
  }

  /** The ids of a sequence of this length; undefined where they are not known. */
  of(b: number, length: number): readonly number[] | undefined {
    if (length === 0) return [];
    const text = this.#texts[b];
    return text?.length === length ? text : undefined;
  }

  /** Whether the keys of a sequence of this length would be turned by other angles in one of that length. */
  turnsAnew(b: number, length: number, later: number): boolean {
    if (length === 0) return false;
    const kept = this.of(b, length) && this.#regimes[b];
    return (kept ?? this.#regimeOf(length)) !== this.#regimeOf(later);
  }

  append(rows: readonly (readonly number[])[], before: readonly number[]): void {
    rows.forEach((row, b) => {
      const known = this.of(b, before[b]!) !== undefined;
      if (row.length === 0 && known) return;
      if (before[b] === 0 || !known) this.#texts[b] = [];
      if (!known) return;
      const text = this.#texts[b]!;
      for (const id of row) text.push(id);
      this.#regimes[b] = this.#regimeOf(text.length);
    });
  }

  crop(lengths: readonly number[]): void {
    for (const [b, length] of lengths.entries()) {
      const text = this.#texts[b];
      if (text && text.length > length) text.length = length;
    }
  }

  take(order: readonly number[]): void {
    this.#texts = order.map((from) => [...(this.#texts[from] ?? [])]);
    this.#regimes = order.map((from) => this.#regimes[from]);
  }

  /** Nothing is known of B sequences. */
  forget(B: number): void {
    this.#texts = Array.from({ length: B }, () => []);
    this.#regimes = new Array<string | undefined>(B).fill(undefined);
  }

  clone(): Texts {
    const twin = new Texts(0, this.#regimeOf);
    twin.#texts = this.#texts.map((text) => [...text]);
    twin.#regimes = [...this.#regimes];
    return twin;
  }
}

function isUnmoved(state: LayerState, seen: readonly number[] | undefined): boolean {
  const { lengths } = state;
  // states of somebody else's may make the list anew for whoever asks: then the numbers are all there is
  return lengths === seen || (lengths !== state.lengths && String(lengths) === String(seen));
}

/** How many ids two texts begin with alike. Never throws. */
export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let same = 0;
  while (same < most && a[same] === b[same]) same++;
  return same;
}
